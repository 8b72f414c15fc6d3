package mysql

import (
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// script is SQL text on its way to the server, cut into packets that the server
// takes. Each is a list of whole statements, sent in one round trip.
type script struct {
	// limit is how long a packet may get, in bytes.
	limit   int
	packets [][]byte
	buf     []byte
	// The insert that rows are being added to: what it begins and ends with.
	head, tail string
}

var startTransaction = []byte("START TRANSACTION")

// Room for what surrounds the longest row.
const packetMargin = 4 << 10

func newScript(limit int) *script {
	return &script{limit: limit - packetMargin}
}

// statement adds a whole one.
func (s *script) statement(statement named.Statement, args ...named.Argument) {
	s.text(statement.Append(nil, literal, args...))
}

// text adds a whole statement that has no parameters.
func (s *script) text(text []byte) {
	s.end()
	if len(s.buf)+len(text) > s.limit {
		s.cut()
	}
	s.buf = append(append(s.buf, text...), ';')
}

// insert begins a statement that row adds rows to; tail ends it.
func (s *script) insert(head, tail string) {
	s.end()
	s.head, s.tail = head, tail
}

// row adds a row to the insert. write appends its text.
func (s *script) row(write func([]byte) []byte) {
	before := len(s.buf)
	s.open()
	begin := len(s.buf)
	s.buf = write(s.buf)
	if len(s.buf) <= s.limit || before == 0 {
		return
	}
	// It goes into a packet of its own.
	row := slices.Clone(s.buf[begin:])
	s.buf = s.buf[:before]
	head, tail := s.head, s.tail
	s.end()
	s.cut()
	s.head, s.tail = head, tail
	s.open()
	s.buf = append(s.buf, row...)
}

// open begins the insert's text, or goes on with it.
func (s *script) open() {
	if n := len(s.buf); n > 0 && s.buf[n-1] == ')' {
		s.buf = append(s.buf, ',')
		return
	}
	s.buf = append(s.buf, s.head...)
}

// end completes the insert that is open.
func (s *script) end() {
	if n := len(s.buf); s.head != "" && n > 0 && s.buf[n-1] == ')' {
		s.buf = append(append(s.buf, s.tail...), ';')
	}
	s.head, s.tail = "", ""
}

func (s *script) cut() {
	if len(s.buf) > 0 {
		s.packets = append(s.packets, s.buf)
		s.buf = nil
	}
}

// done completes the script with a last statement.
func (s *script) done(last string) [][]byte {
	s.end()
	s.buf = append(s.buf, last...)
	s.cut()
	return s.packets
}
