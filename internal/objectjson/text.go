package objectjson

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

// plain counts the bytes at the start of a text that JSON has as they are, within
// a string and whether or not it is made safe for HTML: ASCII but for control
// characters and " \ < > &.
func plain(text []byte) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		special := x | // beyond ASCII
			(x-0x20*everyByte)&^x | // control characters
			zeroBytes((x|0x02*everyByte)^'>'*everyByte) | // < and >
			zeroBytes((x|0x04*everyByte)^'&'*everyByte) | // " and &
			zeroBytes(x^'\\'*everyByte)
		if special &= highBits; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			break
		}
	}
	return i
}

// zeroBytes has the high bit set of every byte that is zero, and perhaps of bytes
// above one that is.
func zeroBytes(x uint64) uint64 { return (x - everyByte) &^ x }

const hexDigits = "0123456789abcdef"

// appendString appends a string as encoding/json does, made safe for HTML.
func appendString(to []byte, s string) []byte {
	to = append(to, '"')
	for text := bytesOf(s); len(text) > 0; {
		n := plain(text)
		to = append(to, text[:n]...)
		if text = text[n:]; len(text) == 0 {
			break
		}
		switch c := text[0]; {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(text)
			switch {
			case r == utf8.RuneError && size == 1:
				to = append(to, `\ufffd`...)
			case r == '\u2028' || r == '\u2029':
				to = append(to, `\u202`...)
				to = append(to, hexDigits[r&0xF])
			default:
				to = append(to, text[:size]...)
			}
			text = text[size:]
			continue
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c == '\b':
			to = append(to, '\\', 'b')
		case c == '\f':
			to = append(to, '\\', 'f')
		case c == '\n':
			to = append(to, '\\', 'n')
		case c == '\r':
			to = append(to, '\\', 'r')
		case c == '\t':
			to = append(to, '\\', 't')
		default:
			to = append(to, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
		}
		text = text[1:]
	}
	return append(to, '"')
}

// appendRaw appends the JSON that a Marshaler returned as encoding/json does:
// without white space and made safe for HTML. It returns false if it is not valid.
func appendRaw(to, text []byte) ([]byte, bool) {
	r := reader{text: text, limit: deepest}
	if !r.skipValue() || !r.atEnd() {
		return to, false
	}
	if !r.spaced && !r.unsafe {
		return append(to, text...), true
	}
	compact, safe := bytes.NewBuffer(make([]byte, 0, len(text))), bytes.NewBuffer(to)
	if json.Compact(compact, text) != nil {
		return to, false
	}
	json.HTMLEscape(safe, compact.Bytes())
	return safe.Bytes(), true
}

// bytesOf is a string as bytes that must not be changed, without a copy.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
