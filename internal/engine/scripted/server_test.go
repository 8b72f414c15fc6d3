package scripted

import (
	"slices"
	"testing"
)

func TestPieces(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want []string
	}{
		{"", 2, []string{""}},
		{"a", 2, []string{"", "a"}},
		{"abcd", 2, []string{"ab", "cd"}},
		{"abcdefg", 3, []string{"ab", "cd", "efg"}},
		{"é", 2, []string{"", "é"}},
		{"ééé", 2, []string{"é", "éé"}},
	} {
		if got := pieces(c.text, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d: got %q, want %q", c.text, c.n, got, c.want)
		}
	}
}
