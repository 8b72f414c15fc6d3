package objectjson

import "unicode/utf8"

// maxDepth is how deep values may nest in an object that a codec decodes; deeper ones are left
// to others. deepest is what the stock decoder takes.
const (
	maxDepth = 500
	deepest  = 10000
)

// skipFree takes a value with free content, unless it nests too deep.
func (r *reader) skipFree() bool {
	outer := r.limit
	r.limit = min(outer, r.depth+MaxNesting)
	ok := r.skipValue()
	r.limit = outer
	return ok
}

// reader is a place in a JSON text. Its methods return false where the text does
// not go on as they expect, and then leave it at no particular place.
type reader struct {
	text  []byte
	at    int
	depth int
	// limit is how deep values may nest at this place.
	limit int
	// whole is the text once more, for strings to be parts of, and blocks what
	// pointers are to point to; decoding needs them, scanning does not.
	whole string
	blocks
	// spaced and unsafe tell whether what was skipped had white space between
	// its tokens, or characters that HTML minds.
	spaced, unsafe bool
	// keeps has unknown fields skipped, and strayed says that there was one.
	keeps, strayed bool
	// tooDeep says that a finder met a value with free content that nests too deep.
	tooDeep bool
	// huge says that a number was met that does not fit.
	huge bool
}

// next skips white space and returns the byte after it without taking it; 0 at
// the end, which no token begins with.
func (r *reader) next() byte {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.spaced = true
			r.at++
		default:
			return c
		}
	}
	return 0
}

// take skips white space and takes the byte c, if it is next.
func (r *reader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.at++
	return true
}

// atEnd tells whether only white space is left.
func (r *reader) atEnd() bool {
	return r.next() == 0 && r.at == len(r.text)
}

// literal takes a word such as null.
func (r *reader) literal(word string) bool {
	if len(r.text)-r.at < len(word) || string(r.text[r.at:r.at+len(word)]) != word {
		return false
	}
	r.at += len(word)
	return true
}

// skipValue takes one value of any kind, exactly as RFC 8259 has it.
func (r *reader) skipValue() bool {
	switch c := r.next(); c {
	case '"':
		_, _, ok := r.quoted()
		return ok
	case '{':
		return r.skipObject()
	case '[':
		return r.skipArray()
	case 't':
		return r.literal("true")
	case 'f':
		return r.literal("false")
	case 'n':
		return r.literal("null")
	default:
		return r.number()
	}
}

// key takes what stands before an object's value number n, and returns the key
// between its quotes; or it takes the end of the object, and found is false. The
// caller takes the value.
func (r *reader) key(n int) (key []byte, found, ok bool) {
	if found, ok = r.separator(n, '{', '}'); !found || !ok {
		return nil, false, ok
	}
	if r.next() != '"' {
		return nil, false, false
	}
	key, _, ok = r.quoted()
	return key, true, ok && r.take(':')
}

// element does so for an array, whose values have no keys.
func (r *reader) element(n int) (found, ok bool) { return r.separator(n, '[', ']') }

func (r *reader) separator(n int, begin, end byte) (found, ok bool) {
	if n == 0 {
		if r.depth++; r.depth > r.limit || !r.take(begin) {
			return false, false
		}
	}
	if r.take(end) {
		r.depth--
		return false, true
	}
	return true, n == 0 || r.take(',')
}

// skipObject and skipArray take what skipValue found the beginning of.
func (r *reader) skipObject() bool {
	for n := 0; ; n++ {
		if _, found, ok := r.key(n); !found || !ok {
			return ok
		}
		if !r.skipValue() {
			return false
		}
	}
}

func (r *reader) skipArray() bool {
	for n := 0; ; n++ {
		if found, ok := r.element(n); !found || !ok {
			return ok
		}
		if !r.skipValue() {
			return false
		}
	}
}

// quoted takes a string and returns what is between its quotes, and whether that
// is ASCII without escapes.
func (r *reader) quoted() (inside []byte, simple, ok bool) {
	if !r.literal(`"`) {
		return nil, false, false
	}
	begin := r.at
	simple = true
	for {
		r.at += plain(r.text[r.at:])
		if r.at == len(r.text) {
			return nil, false, false
		}
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return r.text[begin : r.at-1], simple, true
		case c == '\\':
			simple = false
			if !r.escape() {
				return nil, false, false
			}
		case c >= utf8.RuneSelf:
			simple = false
			if c == 0xE2 && isSeparator(r.text[r.at:]) {
				r.unsafe = true
			}
			r.at++
		case c < ' ':
			return nil, false, false
		default: // < > &
			r.unsafe = true
			r.at++
		}
	}
}

// isSeparator tells whether a text begins with U+2028 or U+2029.
func isSeparator(text []byte) bool {
	return len(text) >= 3 && text[0] == 0xE2 && text[1] == 0x80 && text[2]&^1 == 0xA8
}

// escape takes a backslash and what belongs to it.
func (r *reader) escape() bool {
	if r.at+1 >= len(r.text) {
		return false
	}
	c := r.text[r.at+1]
	r.at += 2
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if r.at == len(r.text) || !isHex(r.text[r.at]) {
				return false
			}
			r.at++
		}
		return true
	}
	return false
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// number takes a number that fits a float64. Others it takes too, but returns false and sets
// huge.
func (r *reader) number() bool {
	begin := r.at
	if r.at < len(r.text) && r.text[r.at] == '-' {
		r.at++
	}
	if !r.literal("0") && r.digits() == 0 {
		return false
	}
	if r.at < len(r.text) && r.text[r.at] == '.' {
		r.at++
		if r.digits() == 0 {
			return false
		}
	}
	if r.at < len(r.text) && r.text[r.at]|0x20 == 'e' {
		r.at++
		if r.at < len(r.text) && (r.text[r.at] == '+' || r.text[r.at] == '-') {
			r.at++
		}
		return r.digits() > 0 && r.fitting(begin, true)
	}
	return r.at-begin <= safeDigits || r.fitting(begin, false)
}

func (r *reader) fitting(begin int, exponent bool) bool {
	r.huge = !fits(r.text[begin:r.at], exponent)
	return !r.huge
}

// digits takes decimal digits and counts them.
func (r *reader) digits() int {
	begin := r.at
	for r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' {
		r.at++
	}
	return r.at - begin
}
