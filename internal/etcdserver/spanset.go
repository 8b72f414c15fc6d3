package etcdserver

import "sort"

// keySpan is the keys k with from <= k < to; an empty to is no bound.
type keySpan struct{ from, to string }

// toKeySpan takes a key and a range end as they are in requests.
func toKeySpan(key, end []byte) keySpan {
	switch {
	case len(end) == 0:
		return keySpan{string(key), string(key) + "\x00"}
	case len(end) == 1 && end[0] == 0:
		return keySpan{string(key), ""}
	}
	return keySpan{string(key), string(end)}
}

func (s keySpan) empty() bool { return s.to != "" && s.from >= s.to }

// reaches says whether the span goes up to key, be it exclusively.
func (s keySpan) reaches(key string) bool { return s.to == "" || s.to >= key }

// spanSet is a set of keys made of spans, sorted and without overlap.
type spanSet struct {
	spans []keySpan
}

func (s *spanSet) add(n keySpan) {
	if n.empty() {
		return
	}
	// The spans that touch the new one become one with it.
	first := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].reaches(n.from) })
	last := first
	for last < len(s.spans) && n.reaches(s.spans[last].from) {
		n.from = min(n.from, s.spans[last].from)
		if to := s.spans[last].to; n.to != "" && (to == "" || to > n.to) {
			n.to = to
		}
		last++
	}
	if first == last {
		s.spans = append(s.spans, keySpan{})
		copy(s.spans[first+1:], s.spans[first:])
		s.spans[first] = n
		return
	}
	s.spans[first] = n
	s.spans = append(s.spans[:first+1], s.spans[last:]...)
}

func (s *spanSet) has(key string) bool {
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].to == "" || s.spans[i].to > key })
	return i < len(s.spans) && s.spans[i].from <= key
}
