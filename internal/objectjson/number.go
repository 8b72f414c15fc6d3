package objectjson

import (
	"fmt"
	"strconv"
)

// safeDigits is a length in which every number without an exponent fits a float64.
const safeDigits = 300

// fits reports whether a number in JSON can be held as an int64 or a float64, as
// everything has to that decodes JSON without knowing its type: clients, policies, the
// field manager. It costs nothing for usual numbers.
func fits(number []byte, exponent bool) bool {
	if !exponent && len(number) <= safeDigits {
		return true
	}
	_, err := strconv.ParseFloat(string(number), 64)
	return err == nil
}

// checkNumbers returns an error for a JSON text with a number that does not fit. Texts that
// are no JSON have other readers.
func checkNumbers(text []byte) error {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case c == '-' || '0' <= c && c <= '9':
			r := reader{text: text, at: i}
			if !r.number() && r.huge {
				return fmt.Errorf("json: cannot unmarshal number %s into a value of type float64", excerpt(text[i:r.at]))
			}
			i = max(i, r.at-1)
		}
	}
	return nil
}

func excerpt(number []byte) string {
	const longest = 40
	if len(number) <= longest {
		return string(number)
	}
	return fmt.Sprintf("%s... (%d characters)", number[:longest], len(number))
}

// nesting counts the levels of lists and objects in a JSON value.
func nesting(value []byte) int {
	deepest, depth := 0, 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '"':
			for i++; i < len(value) && value[i] != '"'; i++ {
				if value[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}
