//go:build !linux

package sqlquery

// resident is the memory that the process takes, in bytes; 0 where that is not known.
func resident() int64 { return 0 }
