package objects

import (
	"context"
	"reflect"
	"sync"
)

// Shared is a Reader whose callers share reads. A caller that asks for an object while it is being read waits for the next
// read of it, which answers all who have asked by then. It is for callers who may read the same objects. It is safe for
// concurrent use.
//
// Every caller gets what a read has returned that began after the call, so it sees each change that was committed before
// the call. Nothing is kept once nobody asks.
type Shared struct {
	Reader

	mu    sync.Mutex
	reads map[shared]*reads
}

type shared struct{ resource, namespace, name string }

// reads are those of one object: the one that is under way, and the one after it.
type reads struct{ now, next *read }

// read is one read, for all that wait for it.
type read struct {
	ended  chan struct{}
	object Object
	err    error
	// abandoned says that the caller that was to read has left before there was an answer: the others ask again.
	abandoned bool
}

// NewShared returns a reader on another one.
func NewShared(from Reader) *Shared {
	return &Shared{Reader: from, reads: map[shared]*reads{}}
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
		// The object is everybody's.
		own := r.object.DeepCopyObject()
		reflect.ValueOf(into).Elem().Set(reflect.ValueOf(own).Elem())
		return nil
	}
}

// read makes a read that begins now or later, or waits for one. It returns nil if the context ends first.
func (s *Shared) read(ctx context.Context, key shared, like Object) *read {
	s.mu.Lock()
	of := s.reads[key]
	if of == nil {
		of = &reads{now: &read{ended: make(chan struct{})}}
		s.reads[key] = of
		s.mu.Unlock()
		return s.make(ctx, key, of, of.now, like)
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
	// The first caller that asks during a read makes the next one.
	before, mine := of.now, &read{ended: make(chan struct{})}
	of.next = mine
	s.mu.Unlock()
	select {
	case <-before.ended:
	case <-ctx.Done():
		s.leave(key, of, mine)
		return nil
	}
	return s.make(ctx, key, of, mine, like)
}

// make reads, and has the next read begin.
func (s *Shared) make(ctx context.Context, key shared, of *reads, r *read, like Object) *read {
	s.mu.Lock()
	if of.next == r {
		of.now, of.next = r, nil // a caller that asks from here on gets a later read
	}
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

// leave gives up a read that has not begun.
func (s *Shared) leave(key shared, of *reads, r *read) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of.next = nil
	select {
	case <-of.now.ended:
		delete(s.reads, key) // the read before has left the entry to this one
	default:
	}
	r.abandoned = true
	close(r.ended)
}
