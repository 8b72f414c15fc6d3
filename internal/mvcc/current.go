package mvcc

import (
	"context"
	"fmt"
	"sync"
)

// Current is a revision that covers every write that any replica acknowledged
// before the call, and that this store has published. Where other replicas write the
// same database it takes a look at the counter, for which ErrUnavailable may be
// the answer; else it costs nothing.
func (s *Store) Current(ctx context.Context) (int64, error) {
	st, err := s.current(ctx)
	if err != nil {
		return 0, err
	}
	return st.Revision, nil
}

func (s *Store) current(ctx context.Context) (*state, error) {
	if s.shared == nil {
		return s.state.Load(), nil
	}
	l := s.looks.join()
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, l.err)
	}
	return s.state.Load(), nil
}

// looks lets readers share looks at the counter (etcd calls it a read index). A
// reader needs one that begins after it has come, so whoever comes while one is
// under way takes part in the next.
type looks struct {
	mu     sync.Mutex
	next   *look // nil where nobody waits
	closed bool
	wake   chan struct{} // holds a token when somebody waits
}

type look struct {
	done chan struct{}
	err  error
}

// join returns the look that begins next.
func (k *looks) join() *look {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next != nil {
		return k.next
	}
	l := &look{done: make(chan struct{})}
	if k.closed {
		l.err = ErrClosed
		close(l.done)
		return l
	}
	k.next = l
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return l
}

// take returns the look that is to begin, if any, after which the next one
// to join needs another.
func (k *looks) take(last bool) *look {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.next
	k.next, k.closed = nil, last
	return l
}

// run takes the looks that readers wait for, until ctx ends.
func (k *looks) run(ctx context.Context, s *Store) {
	for {
		var l *look
		select {
		case <-k.wake:
			l = k.take(false)
		case <-ctx.Done():
			if l = k.take(true); l != nil {
				l.err = ErrClosed
				close(l.done)
			}
			return
		}
		if l != nil {
			l.err = s.catchUp(ctx)
			close(l.done)
		}
	}
}
