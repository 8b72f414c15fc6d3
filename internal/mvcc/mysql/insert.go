package mysql

import (
	"strconv"
	"strings"
)

// insertion inserts several rows, of which a T holds what one of them says.
type insertion[T any] struct {
	head, tail string
	columns    []column[T]
}

// column is one of an insertion, or some that lie side by side, and how a row's text has it.
type column[T any] struct {
	names []string
	write func([]byte, *T) []byte
}

// insert is the insertion of rows into a table; tail ends the statement. The columns are named,
// because a later migration may add some while this version still runs.
func insert[T any](table, tail string, columns ...column[T]) insertion[T] {
	var names []string
	for _, c := range columns {
		names = append(names, c.names...)
	}
	return insertion[T]{"INSERT INTO " + table + " (`" + strings.Join(names, "`,`") + "`) VALUES ", tail, columns}
}

// integer is a column of numbers.
func integer[T any](name string, of func(*T) int64) column[T] {
	return column[T]{[]string{name}, func(buf []byte, r *T) []byte { return strconv.AppendInt(buf, of(r), 10) }}
}

// blob is a column of bytes, nil for NULL.
func blob[T any](name string, of func(*T) []byte) column[T] {
	return column[T]{[]string{name}, func(buf []byte, r *T) []byte {
		if b := of(r); b != nil {
			return quote(buf, b)
		}
		return append(buf, "NULL"...)
	}}
}

// begin begins the statement in a script; add adds a row.
func (i *insertion[T]) begin(s *script) { s.insert(i.head, i.tail) }

func (i *insertion[T]) add(s *script, r *T) {
	s.row(func(buf []byte) []byte {
		for n, c := range i.columns {
			separator := byte(',')
			if n == 0 {
				separator = '('
			}
			buf = c.write(append(buf, separator), r)
		}
		return append(buf, ')')
	})
}
