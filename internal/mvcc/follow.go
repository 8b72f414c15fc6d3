package mvcc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// followPause is how long the follower leaves a database alone that has failed.
const followPause = 200 * time.Millisecond

// follow publishes what other replicas write, soon after they have.
func (s *Store) follow(ctx context.Context) {
	for ctx.Err() == nil {
		s.shared.Await(ctx)
		if _, err := s.current(ctx); err != nil {
			pause(ctx, followPause)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// catchUp takes a look at the counter and publishes everything up to it.
func (s *Store) catchUp(ctx context.Context) error {
	// What has been published was committed, so a later look cannot show less.
	before := s.state.Load()
	begin := time.Now()
	r, err := s.look(ctx)
	if err != nil {
		return err
	}
	if r.Revision < before.Revision || r.Change < before.Change || before.other(r) {
		return s.wentBack(before.Position, r.Position)
	}
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.advance(ctx, r); err != nil {
		return err
	}
	s.counters.current.Store(begin.UnixNano())
	return nil
}

// look reads the counter, and sets the store's clock by the database's.
func (s *Store) look(ctx context.Context) (Reading, error) {
	return s.lookBy(ctx, func() (Reading, error) { return s.shared.Read(ctx) })
}

// lookFor is look with what the database holds of two points.
func (s *Store) lookFor(ctx context.Context, from, to Point) (r Reading, found [2]Found, err error) {
	r, err = s.lookBy(ctx, func() (r Reading, err error) {
		r, found, err = s.shared.Find(ctx, from, to)
		return r, err
	})
	return r, found, err
}

func (s *Store) lookBy(ctx context.Context, read func() (Reading, error)) (Reading, error) {
	begin := s.opts.Now()
	r, err := read()
	s.counters.looks.Add(1)
	if err != nil {
		s.counters.failedLooks.Add(1)
		if ctx.Err() == nil || errors.Is(err, context.DeadlineExceeded) {
			s.reads.failed(err)
		}
		return r, fmt.Errorf("read the newest revision: %w", err)
	}
	s.reads.succeeded()
	s.counters.newest.Store(r.Revision)
	end := s.opts.Now()
	if took := end.Sub(begin); took < maxClockDoubt || !s.clocked.Swap(true) {
		s.clock.Store(int64(r.Now.Sub(begin.Add(took / 2))))
		s.clocked.Store(true)
	}
	return r, nil
}

// maxClockDoubt is how long a look may take for its clock to be of use, unless none is known yet.
const maxClockDoubt = 100 * time.Millisecond

// Now is the clock of leases and log rows: the database's, where replicas share
// one.
func (s *Store) Now() time.Time { return s.opts.Now().Add(time.Duration(s.clock.Load())) }

// followBytes bounds what is read from the log at a time.
const followBytes = 4 << 20

// errReload says that rows which are still to be read have been pruned.
var errReload = errors.New("rows to be read have been pruned")

// advance publishes everything up to a reading of the counter, and whatever has
// come by then.
func (s *Store) advance(ctx context.Context, to Reading) error {
	if s.state.Load().covers(to) {
		return nil
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	for {
		st := s.state.Load()
		if st.covers(to) {
			return nil
		}
		next, err := s.step(ctx, st, to)
		if errors.Is(err, errReload) {
			next, err = s.reload(ctx, st)
		}
		if err != nil {
			return err
		}
		s.replace(next)
		if next.Revision >= to.Revision {
			return nil
		}
	}
}

// covers says that a state shows all that a reading tells of.
func (st *state) covers(r Reading) bool {
	return st.Revision >= r.Revision && st.Change >= r.Change && st.compacted >= r.Compacted && st.pruned >= r.Pruned
}

// step returns the state with leases up to the reading's and the next part of
// the log.
func (s *Store) step(ctx context.Context, st *state, to Reading) (*state, error) {
	next := *st
	// Leases before the keys that are attached to them.
	if to.Change > st.Change {
		changes, err := s.shared.LeaseChanges(ctx, st.Change)
		if err != nil {
			return nil, fmt.Errorf("read the leases changed after change %d: %w", st.Change, err)
		}
		s.leases.follow(changes)
		next.Change = to.Change
	}
	next.compacted = max(st.compacted, to.Compacted)
	next.pruned = max(st.pruned, to.Pruned)
	if to.Revision <= st.Revision {
		return &next, nil
	}
	var commits []*Commit
	_, err := s.shared.Events(ctx, st.Revision, to.Revision, followBytes, func(c *Commit) error {
		commits = append(commits, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the log after revision %d: %w", st.Revision, err)
	}
	// Rows may have been pruned before or while they were read: what has been
	// read is whole only if nothing of it had been pruned by the end. And the database may have
	// lost what this replica has published, and been written since: then the revisions read are
	// of another history.
	if n := len(commits); n > 0 {
		next.Revision, next.batch = commits[n-1].Revision, commits[n-1].Batch
	}
	after, found, err := s.lookFor(ctx, st.point(), next.point())
	switch {
	case err != nil:
		return nil, err
	case st.point().missing(after, found[0]):
		return nil, s.wentBack(st.Position, after.Position)
	case after.Pruned > st.Revision:
		return nil, errReload
	case next.point().missing(after, found[1]):
		return nil, fmt.Errorf("revision %d was read from a database that has gone since", next.Revision)
	}
	edit := st.tree.edit()
	for i, c := range commits {
		if want := st.Revision + int64(i) + 1; c.Revision != want {
			return nil, fmt.Errorf("revision %d is missing from the log: the database is damaged: restore a backup", want)
		}
		edit.redo(c.Events)
	}
	if len(commits) == 0 {
		return nil, fmt.Errorf("revision %d is missing from the log: the database is damaged: restore a backup", st.Revision+1)
	}
	for _, c := range commits {
		s.leases.attachAll(c)
		s.ring.add(c)
	}
	next.tree = edit.tree
	return &next, nil
}

// reload starts afresh from the present state: this replica has been away for
// so long that part of what it missed has been pruned. Watchers that needed
// that find it compacted.
func (s *Store) reload(ctx context.Context, was *state) (*state, error) {
	st, ls, err := load(ctx, s.engine, nil)
	if err != nil {
		return nil, fmt.Errorf("load the store again: %w", err)
	}
	after, found, err := s.lookFor(ctx, was.point(), st.point())
	switch {
	case err != nil:
		return nil, err
	case was.point().missing(after, found[0]):
		return nil, s.wentBack(was.Position, after.Position)
	case st.point().missing(after, found[1]):
		return nil, errors.New("the store was loaded from a database that has gone since")
	}
	s.counters.reloads.Add(1)
	s.leases.replace(ls)
	s.ring.reset(st.Revision + 1)
	return st, nil
}

// replace publishes a state. The caller holds publishing.
func (s *Store) replace(st *state) {
	if s.opts.Published != nil && st.Revision > s.state.Load().Revision {
		s.opts.Published(st.point())
	}
	was := s.state.Swap(st)
	if st.compacted > was.compacted {
		s.snapshots.forget(st.compacted)
	}
	s.broadcast()
}
