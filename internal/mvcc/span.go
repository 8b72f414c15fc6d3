package mvcc

import "bytes"

func (s Span) single() bool { return len(s.End) == 0 }

// open says that the span has no upper end.
func (s Span) open() bool { return len(s.End) == 1 && s.End[0] == 0 }

// Contains says whether key lies in the span.
func (s Span) Contains(key []byte) bool {
	if s.single() {
		return bytes.Equal(key, s.Key)
	}
	return bytes.Compare(key, s.Key) >= 0 && (s.open() || bytes.Compare(key, s.End) < 0)
}
