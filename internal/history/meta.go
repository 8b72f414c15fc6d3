package history

import (
	"bytes"
	"encoding/json"
)

// meta is the metadata that a version takes from an object. Fields that are only compared are
// slices of its text.
type meta struct {
	kind, uid   string
	generation  int64
	cause       string
	annotations []byte
	labels      []byte
	finalizers  []byte
	owners      []byte
	deletion    []byte
}

// statusOnly reports whether only the status differs: other changes increase the generation.
func (m *meta) statusOnly(prev *meta) bool {
	return m.generation != 0 && m.generation == prev.generation && bytes.Equal(m.annotations, prev.annotations) &&
		bytes.Equal(m.labels, prev.labels) && bytes.Equal(m.finalizers, prev.finalizers) &&
		bytes.Equal(m.owners, prev.owners) && bytes.Equal(m.deletion, prev.deletion)
}

// read parses an object; it returns false if it is not JSON. It skips the spec and the status,
// which are most of an object.
func (m *meta) read(value []byte) bool {
	if len(value) == 0 || value[0] != '{' {
		return false
	}
	s := scanner{text: value}
	ok := s.object(func(name, value []byte) bool {
		switch string(name) {
		case "kind":
			return text(value, &m.kind)
		case "metadata":
			part := scanner{text: value}
			return part.object(m.field)
		}
		return true
	})
	return ok && s.rest() && m.readCause()
}

func (m *meta) field(name, value []byte) bool {
	switch string(name) {
	case "uid":
		return text(value, &m.uid)
	case "generation":
		return json.Unmarshal(value, &m.generation) == nil
	case "annotations":
		m.annotations = value
	case "labels":
		m.labels = value
	case "finalizers":
		m.finalizers = value
	case "ownerReferences":
		m.owners = value
	case "deletionTimestamp":
		m.deletion = value
	}
	return true
}

func (m *meta) readCause() bool {
	if !bytes.Contains(m.annotations, []byte(CauseAnnotation)) {
		return true
	}
	var all map[string]string
	if json.Unmarshal(m.annotations, &all) != nil {
		return false
	}
	m.cause = all[CauseAnnotation]
	return true
}

// text reads a string.
func text(value []byte, into *string) bool {
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' && bytes.IndexByte(value, '\\') < 0 {
		*into = string(value[1 : n-1])
		return true
	}
	return json.Unmarshal(value, into) == nil
}

// scanner finds the members of a JSON object that the server wrote. It validates only as much of
// the text as it needs.
type scanner struct {
	text []byte
	at   int
}

// space skips white space, and returns the next byte, 0 at the end.
func (s *scanner) space() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// rest reports whether nothing but white space follows.
func (s *scanner) rest() bool { return s.space() == 0 && s.at == len(s.text) }

// take skips white space and then one byte, if it is c.
func (s *scanner) take(c byte) bool {
	if s.space() != c {
		return false
	}
	s.at++
	return true
}

// object calls member with the name, without quotes, and the text of the value of each member of an
// object. It returns false if there is no object, or if member does.
func (s *scanner) object(member func(name, value []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		s.space()
		name, ok := s.value()
		if !ok || len(name) < 2 || name[0] != '"' || !s.take(':') {
			return false
		}
		s.space()
		value, ok := s.value()
		if !ok || !member(name[1:len(name)-1], value) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// value skips a value, and returns its text.
func (s *scanner) value() ([]byte, bool) {
	begin, depth := s.at, 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			if !s.skipString() {
				return nil, false
			}
			if depth == 0 {
				return s.text[begin:s.at], true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return s.text[begin:s.at], s.at > begin
			}
			if depth == 0 {
				s.at++
				return s.text[begin:s.at], true
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return s.text[begin:s.at], s.at > begin
			}
		}
		s.at++
	}
	return nil, false
}

// skipString skips a string, which begins at the current position.
func (s *scanner) skipString() bool {
	for at := s.at + 1; ; {
		n := bytes.IndexByte(s.text[at:], '"')
		if n < 0 {
			return false
		}
		at += n
		escapes := 0
		for s.text[at-1-escapes] == '\\' {
			escapes++
		}
		at++
		if escapes%2 == 0 {
			s.at = at
			return true
		}
	}
}
