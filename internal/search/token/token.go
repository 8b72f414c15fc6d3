package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is how much of a text is indexed, and maxWord how much of a word.
const (
	maxText = 256 << 10
	maxWord = 64
)

// Index returns the words of a text in order, followed by additional forms of them: identifiers
// without their separators (gpt4o for gpt-4o), c++ as cplusplus, and umlauts written with e. Runs
// of Chinese, Japanese and Korean characters are split into pairs.
func Index(text string) []string {
	words, further := []string{}, []string{}
	for _, field := range fields(text) {
		if word, ok := plain(field); ok {
			words = append(words, word)
			continue
		}
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
	}
	return append(words, further...)
}

// plain returns the word of a field that consists of one run of ASCII letters and digits, possibly
// surrounded by other characters. Most fields do, and have no additional form.
func plain(field string) (word string, ok bool) {
	begin, end := 0, len(field)
	for begin < end && !isPlain(field[begin]) {
		begin++
	}
	for end > begin && !isPlain(field[end-1]) {
		end--
	}
	word = field[begin:end]
	if word == "" || len(word) > maxWord {
		return "", false
	}
	for i := range len(field) {
		c := field[i]
		if c >= utf8.RuneSelf || c == '+' || c == '#' || i >= begin && i < end && !isPlain(c) {
			return "", false
		}
	}
	return word, true
}

func isPlain(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// Query returns the words that must follow each other for a word of a query, and its form as an
// identifier, "" for none.
func Query(word string) (sequence []string, whole string) {
	for _, field := range fields(word) {
		parts := split(field)
		for _, part := range parts {
			sequence = append(sequence, pairs(part, false)...)
		}
		if one := joined(field); len(parts) != 1 || one != parts[0] {
			whole += one
		}
	}
	return sequence, whole
}

// fields returns the parts between white space, in lower case, with full-width letters as ASCII.
func fields(text string) []string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return strings.Fields(strings.Map(func(r rune) rune {
		if r >= 0xFF01 && r <= 0xFF5E {
			r -= 0xFEE0
		}
		return fold(r)
	}, text))
}

// marks maps letters with diacritics, as European names and texts have them, to plain ones.
var marks = strings.NewReplacer(
	"ä", "a", "ö", "o", "ü", "u", "ß", "ss", "à", "a", "á", "a", "â", "a", "ã", "a", "å", "a", "æ", "ae", "ç", "c", "è", "e", "é", "e",
	"ê", "e", "ë", "e", "ì", "i", "í", "i", "î", "i", "ï", "i", "ñ", "n", "ò", "o", "ó", "o", "ô", "o", "õ", "o", "ø", "o", "œ", "oe",
	"ù", "u", "ú", "u", "û", "u", "ý", "y", "ÿ", "y", "š", "s", "ž", "z", "č", "c", "ć", "c", "ł", "l", "ń", "n", "ś", "s", "ź", "z", "ż", "z", "ą", "a", "ę", "e",
)

// signs are characters that are part of names: c++, c#.
var signs = strings.NewReplacer("+", "plus", "#", "sharp")

var withE = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss")

func fold(r rune) rune { return unicode.ToLower(r) }

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func isMark(r rune) bool { return unicode.Is(unicode.Mn, r) }

// split returns the runs of letters and digits.
func split(field string) []string {
	field = strings.Map(func(r rune) rune {
		if isMark(r) {
			return -1
		}
		return r
	}, field)
	return strings.FieldsFunc(field, func(r rune) bool { return !isWord(r) })
}

// joined returns a field as one word.
func joined(field string) string {
	field = strings.TrimFunc(field, func(r rune) bool { return !isWord(r) && r != '+' && r != '#' })
	if strings.IndexFunc(field, isWord) < 0 {
		return ""
	}
	field = signs.Replace(field)
	return cut(marks.Replace(strings.Map(func(r rune) rune {
		if isWord(r) {
			return r
		}
		return -1
	}, field)))
}

func umlauts(word string) string { return cut(withE.Replace(word)) }

func cut(word string) string {
	if len(word) > maxWord {
		return strings.ToValidUTF8(word[:maxWord], "")
	}
	return word
}

func isPaired(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// pairs returns the words of a run: pairs of its characters if it is in a script without spaces.
// For the index, the last character is also a word.
func pairs(run string, last bool) []string {
	var words []string
	runes := []rune(run)
	for i := 0; i < len(runes); {
		j := i
		for j < len(runes) && isPaired(runes[j]) == isPaired(runes[i]) {
			j++
		}
		part := runes[i:j]
		if !isPaired(part[0]) {
			words = append(words, cut(marks.Replace(string(part))))
		} else {
			for k := 0; k+1 < len(part); k++ {
				words = append(words, string(part[k:k+2]))
			}
			if last || len(part) == 1 {
				words = append(words, string(part[len(part)-1:]))
			}
		}
		i = j
	}
	return words
}
