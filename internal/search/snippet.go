package search

import (
	"strings"
	"unicode"
)

// Snippet is a part of a text with the matches in it, as byte offsets into Text.
type Snippet struct {
	Field   string   `json:"field"`
	Text    string   `json:"text"`
	Matches []Offset `json:"matches,omitempty"`
}

// Offset is a range from Start to before End.
type Offset struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

const snippetBytes = 160

// snippet returns the part of a text around the first word that matches a term; ok is false if
// there is none.
func snippet(field, text string, terms []term) (s Snippet, ok bool) {
	matches := offsets(text, terms)
	if len(matches) == 0 {
		return s, false
	}
	start := max(matches[0].Start-snippetBytes/3, 0)
	for start > 0 && start < matches[0].Start && !unicode.IsSpace(rune(text[start-1])) {
		start++
	}
	for start > 0 && text[start]&0xC0 == 0x80 {
		start--
	}
	end := min(max(start+snippetBytes, matches[0].End), len(text))
	for end < len(text) && text[end]&0xC0 == 0x80 {
		end++
	}
	s = Snippet{Field: field, Text: text[start:end]}
	for _, m := range matches {
		if m.End <= end {
			s.Matches = append(s.Matches, Offset{m.Start - start, m.End - start})
		}
	}
	return s, true
}

// offsets returns the positions of the words that match the terms.
func offsets(text string, terms []term) []Offset {
	var all []Offset
	for i := 0; i < len(text); {
		j := strings.IndexFunc(text[i:], unicode.IsSpace)
		if j < 0 {
			j = len(text) - i
		}
		if word := text[i : i+j]; word != "" && contains(word, terms) {
			all = append(all, Offset{i, i + j})
		}
		i += max(j, 1)
		for i < len(text) && text[i]&0xC0 == 0x80 {
			i++
		}
	}
	return all
}

// contains reports whether a word of a text matches a term.
func contains(word string, terms []term) bool {
	words := indexed(word)
	for _, t := range terms {
		if t.whole != "" && words[t.whole] {
			return true
		}
		if t.exact() {
			continue
		}
		for i, want := range t.sequence {
			if words[want] {
				return true
			}
			if i == len(t.sequence)-1 && (t.prefix || t.short()) {
				for one := range words {
					if strings.HasPrefix(one, want) {
						return true
					}
				}
			}
		}
	}
	return false
}
