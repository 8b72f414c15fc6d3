package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
)

// readJSON reads JSON values one after the other, each on its own line or over many.
func readJSON(name string, in *bufio.Reader, add func([]byte, string) error) error {
	lines := &lineReader{from: in}
	d := json.NewDecoder(lines)
	for {
		var text json.RawMessage
		err := d.Decode(&text)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			var at int64
			var syntax *json.SyntaxError
			switch {
			case errors.As(err, &syntax):
				at = syntax.Offset
			case errors.Is(err, io.ErrUnexpectedEOF):
				at = lines.read
				err = errors.New("it ends in the middle of an object: the file is not complete")
			default:
				return fmt.Errorf("read %s: %w", name, err)
			}
			return &SyntaxError{File: name, Line: lines.line(at), Err: err}
		}
		line := lines.line(d.InputOffset() - int64(len(text)))
		if bytes.HasPrefix(text, []byte("[")) {
			return &SyntaxError{File: name, Line: line, Err: errors.New("a JSON list, where one object after the other is expected (or a List of kubectl's)")}
		}
		if err := add(text, fmt.Sprintf("%s, line %d", name, line)); err != nil {
			return err
		}
		lines.forget(d.InputOffset())
	}
}

// lineReader remembers where lines ended.
type lineReader struct {
	from io.Reader
	read int64
	// gone are the lines that ended before those in ends.
	gone int
	ends []int64
}

func (l *lineReader) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// line is the number, from 1, of the line that a byte is in.
func (l *lineReader) line(offset int64) int {
	return 1 + l.gone + sort.Search(len(l.ends), func(i int) bool { return l.ends[i] >= offset })
}

// forget drops the lines that ended before a byte.
func (l *lineReader) forget(offset int64) {
	n := sort.Search(len(l.ends), func(i int) bool { return l.ends[i] >= offset })
	l.gone += n
	l.ends = append(l.ends[:0], l.ends[n:]...)
}
