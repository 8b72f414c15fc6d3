package readmodel

import "testing"

func TestHasRoom(t *testing.T) {
	const mebibyte = 1 << 20
	for _, c := range []struct {
		total, free int64
		want        bool
	}{
		{-1, -1, true},
		{48 * mebibyte, 16 * mebibyte, true}, {48 * mebibyte, 15 * mebibyte, false},
		{12 * mebibyte, 4 * mebibyte, true}, {12 * mebibyte, 3 * mebibyte, false},
		{1 << 40, 256 * mebibyte, true}, {1 << 40, 255 * mebibyte, false},
	} {
		if got := hasRoom(c.total, c.free); got != c.want {
			t.Errorf("%d MiB free of %d: %t", c.free/mebibyte, c.total/mebibyte, got)
		}
	}
}
