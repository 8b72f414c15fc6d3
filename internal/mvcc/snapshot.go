package mvcc

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Snapshot is the store at one revision. It stays as it is, holds nothing that
// needs closing, and may be used by any goroutine.
type Snapshot struct {
	tree tree
	read int64
	now  int64
}

// Snapshot pins a revision; 0 is the newest. Errors as for Range.
func (s *Store) Snapshot(ctx context.Context, revision int64) (*Snapshot, error) {
	st, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkRevision(revision, st.compacted, st.Revision); err != nil {
		return nil, err
	}
	if revision == 0 {
		revision = st.Revision
	}
	t, err := s.treeAt(ctx, st, revision)
	if err != nil {
		return nil, err
	}
	return &Snapshot{tree: t, read: revision, now: st.Revision}, nil
}

// Revision is the one that the snapshot shows.
func (sn *Snapshot) Revision() int64 { return sn.read }

// Range reads keys as they were. It ignores r.Revision; the answer's Revision is
// the store's when the snapshot was taken.
func (sn *Snapshot) Range(r *Range) *RangeResult {
	res := sn.tree.read(r)
	res.Revision = sn.now
	return res
}

// Old trees are kept for a while because a client that pages through a list
// comes back for the same revision.
const (
	keptSnapshots = 8
	snapshotLife  = time.Minute
)

// snapshots holds recently used old trees.
type snapshots struct {
	mu   sync.Mutex
	kept []keptSnapshot // least recently used first
}

type keptSnapshot struct {
	revision int64
	tree     tree
	used     time.Time
}

// nearest returns the tree kept for the lowest revision >= revision.
func (k *snapshots) nearest(revision int64, now time.Time) (keptSnapshot, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	best := -1
	for i, s := range k.kept {
		if s.revision >= revision && (best < 0 || s.revision < k.kept[best].revision) {
			best = i
		}
	}
	if best < 0 {
		return keptSnapshot{}, false
	}
	found := k.kept[best]
	found.used = now
	k.kept = append(append(k.kept[:best:best], k.kept[best+1:]...), found)
	return found, true
}

func (k *snapshots) keep(s keptSnapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh := k.kept[:0:0]
	for _, have := range k.kept {
		if have.revision != s.revision && s.used.Sub(have.used) < snapshotLife {
			fresh = append(fresh, have)
		}
	}
	if len(fresh) == keptSnapshots {
		fresh = fresh[1:]
	}
	k.kept = append(fresh, s)
}

// forget drops what lies below a compacted revision.
func (k *snapshots) forget(compacted int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh := k.kept[:0:0]
	for _, s := range k.kept {
		if s.revision >= compacted {
			fresh = append(fresh, s)
		}
	}
	k.kept = fresh
}

// treeAt returns the tree at a revision within st's bounds: the nearest newer
// one known, with the events in between undone. The first event of a key after
// the revision says what the key was.
func (s *Store) treeAt(ctx context.Context, st *state, revision int64) (tree, error) {
	if revision == st.Revision {
		return st.tree, nil
	}
	now := time.Now()
	from, ok := s.snapshots.nearest(revision, now)
	if !ok || from.revision > st.Revision {
		from = keptSnapshot{revision: st.Revision, tree: st.tree}
	}
	if from.revision == revision {
		return from.tree, nil
	}
	e := from.tree.edit()
	seen := map[string]struct{}{}
	err := s.commits(ctx, revision, from.revision, func(c *Commit) error {
		for _, ev := range c.Events {
			if _, ok := seen[string(ev.KV.Key)]; ok {
				continue
			}
			seen[string(ev.KV.Key)] = struct{}{}
			if ev.Prev != nil {
				e.set(ev.Prev)
			} else {
				e.remove(ev.KV.Key)
			}
		}
		return nil
	})
	if err != nil {
		return tree{}, fmt.Errorf("rebuild revision %d: %w", revision, err)
	}
	// Rows may have been pruned while they were read.
	if s.Compacted() > revision {
		return tree{}, ErrCompacted
	}
	s.snapshots.keep(keptSnapshot{revision: revision, tree: e.tree, used: now})
	return e.tree, nil
}

// commits visits the commits after one revision up to and including another,
// from memory where it holds them and else from the log.
func (s *Store) commits(ctx context.Context, after, last int64, visit func(*Commit) error) error {
	for next := after + 1; next <= last; {
		if c := s.ring.get(next); c != nil {
			if err := visit(c); err != nil {
				return err
			}
			next++
			continue
		}
		done, err := s.readLog(ctx, next-1, last, 1<<20, visit)
		if err != nil {
			return err
		}
		next = done + 1
	}
	return nil
}

// readLog reads at least one revision from the engine's log, and sees to it that
// none is missing but those that compaction may have taken.
func (s *Store) readLog(ctx context.Context, after, last int64, maxBytes int, visit func(*Commit) error) (int64, error) {
	at, missing := after, int64(0)
	done, err := s.engine.Events(ctx, after, last, maxBytes, func(c *Commit) error {
		if c.Revision != at+1 && at+1 > s.Compacted() {
			missing = at + 1
		}
		at = c.Revision
		return visit(c)
	})
	// Another replica may have compacted and pruned meanwhile. Whoever asked for
	// the log compares its own revision with the compacted one next.
	if err == nil && s.shared != nil {
		_, err = s.current(ctx)
	}
	if err != nil {
		return done, fmt.Errorf("read the log after revision %d: %w", after, err)
	}
	if missing > s.Compacted() {
		return done, fmt.Errorf("read the log after revision %d: revision %d is missing", after, missing)
	}
	switch compacted := s.Compacted(); {
	case done > after:
		return done, nil
	case last == compacted && after == last-1:
		// The counter was moved on to the compacted revision, which then has no row.
		return last, nil
	case compacted > after:
		return done, ErrCompacted
	}
	return done, fmt.Errorf("read the log after revision %d: the log has no such revision", after)
}
