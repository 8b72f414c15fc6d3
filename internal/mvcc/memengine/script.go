package memengine

import (
	"context"
	"sync"
)

// Script is an Intercept that a test tells what to do with which requests. Its zero value carries
// everything out. Safe for concurrent use.
type Script struct {
	mu     sync.Mutex
	next   map[Op][]Fault
	always map[Op]Fault
}

// Next sets what becomes of the next requests of a kind, one after the other.
func (s *Script) Next(op Op, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = map[Op][]Fault{}
	}
	s.next[op] = append(s.next[op], faults...)
}

// Always sets what becomes of all requests of a kind that Next says nothing about; nil carries
// them out.
func (s *Script) Always(op Op, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.always == nil {
		s.always = map[Op]Fault{}
	}
	s.always[op] = f
}

// Intercept is an Intercept.
func (s *Script) Intercept(ctx context.Context, c Call, do func() error) error {
	return s.take(c.Op)(ctx, do)
}

func (s *Script) take(op Op) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next := s.next[op]; len(next) > 0 {
		s.next[op] = next[1:]
		return next[0]
	}
	if f := s.always[op]; f != nil {
		return f
	}
	return Carry
}
