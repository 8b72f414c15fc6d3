package mysql

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
)

// literal appends a parameter's value: a number, a list of numbers, or bytes.
func literal(buf []byte, value any) []byte {
	switch v := value.(type) {
	case int64:
		return strconv.AppendInt(buf, v, 10)
	case []int64:
		for i, n := range v {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = strconv.AppendInt(buf, n, 10)
		}
		return buf
	case []byte:
		return appendHex(buf, v)
	}
	return fmt.Appendf(buf, "?%T?", value) // which the server refuses
}

func appendHex(buf, b []byte) []byte {
	return append(hex.AppendEncode(append(buf, "X'"...), b), '\'')
}

// quote appends a literal. Sessions run with NO_BACKSLASH_ESCAPES.
func quote(buf, b []byte) []byte {
	buf = append(buf, '\'')
	for {
		i := bytes.IndexByte(b, '\'')
		if i < 0 {
			return append(append(buf, b...), '\'')
		}
		buf = append(append(buf, b[:i+1]...), '\'')
		b = b[i+1:]
	}
}
