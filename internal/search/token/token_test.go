package token

import (
	"slices"
	"testing"
)

// FuzzIndex checks that the fast path for plain words gives the same result as the general one.
func FuzzIndex(f *testing.F) {
	for _, text := range []string{
		"", "Hello, world!", "gpt-4o", "c++ c# ++ #", "(see) 'x'", "naïve Müller", "代理查 a代b", "ＡＢＣ１", "é", "a.b.c...", "...", "x\u0301", "9-", "İstanbul",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, field := range fields(text) {
			word, ok := plain(field)
			if !ok {
				continue
			}
			var words, further []string
			parts := split(field)
			for _, part := range parts {
				words = append(words, pairs(part, true)...)
				if other := umlauts(part); other != part {
					further = append(further, other)
				}
			}
			if whole := joined(field); len(parts) != 1 || whole != parts[0] {
				further = append(further, whole)
			}
			if !slices.Equal(words, []string{word}) || len(further) > 0 {
				t.Errorf("%q: plain is %q, want %q and %q", field, word, words, further)
			}
		}
	})
}
