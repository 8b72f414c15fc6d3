//go:build !linux

package sqlquery

// resident returns the resident memory of the process in bytes; 0 if it is not known.
func resident() int64 { return 0 }
