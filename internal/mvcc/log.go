package mvcc

import (
	"context"
	"time"
)

// Author is who wrote a revision, and when.
type Author struct {
	Revision int64
	Actor    Actor
	Time     time.Time
}

// Log reads the revisions after one up to and including another, in order and each once, with actor
// and time. It stops after about maxBytes of keys and values, and returns the last revision read.
// ErrCompacted says that some of them have been pruned.
func (s *Store) Log(ctx context.Context, after, last int64, maxBytes int, visit func(*Commit) error) (int64, error) {
	if after < s.state.Load().pruned {
		return after, ErrCompacted
	}
	var found []*Commit
	size := 0
	done := after
	for done < last && size < maxBytes {
		keep := func(c *Commit) error {
			found = append(found, c)
			size += c.size()
			return nil
		}
		if c := s.ring.get(done + 1); c != nil {
			_ = keep(c) // never fails
			done++
			continue
		}
		next, err := s.readLog(ctx, done, last, maxBytes-size, keep)
		if err != nil {
			return after, err
		}
		done = next
	}
	if err := s.authors(ctx, found); err != nil {
		return after, err
	}
	// What has been pruned meanwhile may be missing.
	if after < s.state.Load().pruned {
		return after, ErrCompacted
	}
	for _, c := range found {
		if err := visit(c); err != nil {
			return after, err
		}
	}
	return done, nil
}

// authors sets actor and time of commits, in order, that have been read from the log.
func (s *Store) authors(ctx context.Context, commits []*Commit) error {
	first, last := -1, -1
	for i, c := range commits {
		if c.Time.IsZero() {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return nil
	}
	at := first
	return s.engine.Authors(ctx, commits[first].Revision-1, commits[last].Revision, func(a Author) error {
		for at <= last && commits[at].Revision < a.Revision {
			at++
		}
		if at <= last && commits[at].Revision == a.Revision && commits[at].Time.IsZero() {
			c := *commits[at] // watchers may hold the other
			c.Actor, c.Time = a.Actor, a.Time
			commits[at] = &c
		}
		return nil
	})
}

// Released says that the revision that Options.Held returns has grown: there may be something to
// prune.
func (s *Store) Released() { s.queue.rouse() }

// Maintains reports whether this store is the one, of those that share a database, that
// expires leases, prunes, and does what one of them is to do.
func (s *Store) Maintains() bool { return s.maintains() }

// prunable is the revision up to which rows may go now.
func (s *Store) prunable(st *state) int64 {
	to := st.prunable()
	if s.opts.Held != nil {
		to = min(to, s.opts.Held())
	}
	return max(to, st.pruned)
}
