//go:build !linux

package privatefile

import "os"

// nameless: no other system can give a name to a file that has none.
func nameless(string) *os.File { return nil }

// link gives the file one more name.
func (f *File) link(name string) error { return os.Link(f.temp, name) }
