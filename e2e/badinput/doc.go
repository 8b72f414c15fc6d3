// Package badinput gives the real server invalid input: wrong flags, files that are not databases,
// database servers that reject it, full disks, ports in use, and objects that violate the schema or
// are too large. Each must return an error that names the cause and the fix, and must leave earlier
// writes unchanged.
package badinput
