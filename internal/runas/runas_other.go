//go:build !linux

package runas

import "fmt"

// Drop returns an error if UserVariable asks for something: images are for Linux.
func Drop(_ bool, _ func(error)) error {
	if _, ok, err := wanted(); err != nil || !ok {
		return err
	}
	return fmt.Errorf("%s: only for Linux: leave it out", UserVariable)
}
