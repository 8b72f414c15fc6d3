// Package diskspace says how large file systems are, and what is free of them.
//
// The package may import the standard library only.
package diskspace
