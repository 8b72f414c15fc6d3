// Package badinput gives the real server what it cannot use: wrong flags, database files that are
// none, database servers that refuse it, full disks, ports in use, objects that break the schema or
// are too large. Each must get an error that names the cause and the fix, and must leave what had
// been written before as it was.
package badinput
