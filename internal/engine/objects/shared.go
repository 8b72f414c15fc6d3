package objects

import (
	"context"
	"reflect"
	"sync"
	"time"
)

// Shared is a Reader whose callers share reads. A caller that requests an object while it is being
// read waits for the next read of it, which answers all callers up to then. It is for callers that
// may read the same objects. It is safe for concurrent use.
//
// Every caller gets the result of a read that began after the call, so it sees each change that was
// committed before the call. Nothing is kept when no caller waits.
type Shared struct {
	Reader

	gather func() time.Duration

	mu    sync.Mutex
	reads map[shared]*reads
}

type shared struct{ resource, namespace, name string }

// reads are the current and the next read of one object.
type reads struct {
	now  *read // the current read, or the last one; nil before the first
	next *read // the read that callers wait for while now runs; nil if there are none
}

// read is one read, shared by all callers that wait for it.
type read struct {
	ended  chan struct{}
	object Object
	err    error
	// abandoned is true if the caller that was to read left before there was an answer: the others
	// have to call again.
	abandoned bool
}

// NewShared returns a Reader on top of another one. gather returns how long a read waits before it
// begins, so that more callers share it; nil is no wait.
func NewShared(from Reader, gather func() time.Duration) *Shared {
	if gather == nil {
		gather = func() time.Duration { return 0 }
	}
	return &Shared{Reader: from, gather: gather, reads: map[shared]*reads{}}
}

// Get implements Reader.
func (s *Shared) Get(ctx context.Context, resource, namespace, name string, into Object) error {
	key := shared{resource, namespace, name}
	for {
		r := s.read(ctx, key, into)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.abandoned {
			continue
		}
		if r.err != nil {
			return r.err
		}
		// The object is shared by all callers.
		own := r.object.DeepCopyObject()
		reflect.ValueOf(into).Elem().Set(reflect.ValueOf(own).Elem())
		return nil
	}
}

// read makes a read that begins after the call, or waits for one. It returns nil if the context
// ends first.
func (s *Shared) read(ctx context.Context, key shared, like Object) *read {
	s.mu.Lock()
	of := s.reads[key]
	if of == nil {
		of = &reads{}
		s.reads[key] = of
	}
	if next := of.next; next != nil {
		s.mu.Unlock()
		select {
		case <-next.ended:
			return next
		case <-ctx.Done():
			return nil
		}
	}
	// The first caller makes the next read.
	before, mine := of.now, &read{ended: make(chan struct{})}
	of.next = mine
	s.mu.Unlock()
	if !s.turn(ctx, before) {
		s.leave(key, of, mine)
		return nil
	}
	return s.make(ctx, key, of, mine, like)
}

// turn waits until the previous read has ended and callers have gathered. It reports whether that
// happened before the context ended.
func (s *Shared) turn(ctx context.Context, before *read) bool {
	if before != nil {
		select {
		case <-before.ended:
		case <-ctx.Done():
			return false
		}
	}
	wait := s.gather()
	if wait <= 0 {
		return true
	}
	gathered := time.NewTimer(wait)
	defer gathered.Stop()
	select {
	case <-gathered.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// make reads the object. A caller that arrives from now on gets a later read.
func (s *Shared) make(ctx context.Context, key shared, of *reads, r *read, like Object) *read {
	s.mu.Lock()
	of.now, of.next = r, nil
	s.mu.Unlock()
	r.abandoned = true
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if of.next == nil {
			delete(s.reads, key)
		}
		close(r.ended)
	}()
	r.object, _ = reflect.New(reflect.TypeOf(like).Elem()).Interface().(Object) // it is of like's type
	r.err = s.Reader.Get(ctx, key.resource, key.namespace, key.name, r.object)
	r.abandoned = r.err != nil && ctx.Err() != nil
	return r
}

// leave abandons a read that has not begun.
func (s *Shared) leave(key shared, of *reads, r *read) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of.next = nil
	if of.now == nil {
		delete(s.reads, key)
	} else {
		select {
		case <-of.now.ended:
			delete(s.reads, key) // the previous read has left the entry to this one
		default:
		}
	}
	r.abandoned = true
	close(r.ended)
}
