package memengine

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// row is one event in the log.
type row struct {
	id    int64
	prev  int64 // id of the row that it replaces, 0 for none
	batch int64
	gone  bool // the event is a delete
	kv    *mvcc.KeyValue
	actor mvcc.Actor
	at    time.Time
}

// lease is a lease, or what is remembered of one that has ended.
type lease struct {
	mvcc.Lease
	change int64     // the change that granted, renewed or ended it
	ended  time.Time // zero while it lives
}

// contents is what a database holds. Rows and key values are never changed.
type contents struct {
	mvcc.Position
	compacted, pruned int64
	store             int64            // see mvcc.State
	forgotten         int64            // ended leases are deleted up to this change
	log               []row            // in the order of ids
	live              map[string]int64 // the id of each live key's newest row
	leases            map[mvcc.LeaseID]lease
	// writers holds the newest batch of each writer that pruning has passed since the revision
	// unrecorded.
	writers    map[int64]int64
	unrecorded int64
	side
}

func (c *contents) copy() contents {
	d := *c
	d.log, d.live, d.leases, d.writers = slices.Clone(c.log), maps.Clone(c.live), maps.Clone(c.leases), maps.Clone(c.writers)
	d.side = c.side.copy()
	return d
}

// batch returns the batch that wrote a revision, 0 where the log has no row of it.
func (c *contents) batch(revision int64) int64 {
	if i := c.from(rows.ID(revision, 0)); i < len(c.log) && rows.Revision(c.log[i].id) == revision {
		return c.log[i].batch
	}
	return 0
}

// found is what is known of a point.
func (c *contents) found(p mvcc.Point) mvcc.Found {
	writer, _ := mvcc.WriterOf(p.Batch)
	return mvcc.Found{Batch: c.batch(p.Revision), Writer: c.writers[writer], Recorded: p.Revision > c.unrecorded}
}

// from is the index of the first row whose id is not below id.
func (c *contents) from(id int64) int {
	i, _ := slices.BinarySearchFunc(c.log, id, func(r row, id int64) int { return cmp.Compare(r.id, id) })
	return i
}

// row returns the row of an id, or nil if it has been pruned.
func (c *contents) row(id int64) *row {
	if i := c.from(id); i < len(c.log) && c.log[i].id == id {
		return &c.log[i]
	}
	return nil
}

// apply carries a batch out as a whole, or not at all. changes counts those of leases and
// compaction, where replicas share the database.
func (c *contents) apply(b *mvcc.Batch, changes bool, now time.Time) error {
	var added []row
	live := map[string]int64{} // as the batch leaves it; 0 is deleted
	for _, commit := range b.Commits {
		for i, ev := range commit.Events {
			key := string(ev.KV.Key)
			prev, changed := live[key]
			if !changed {
				prev = c.live[key]
			}
			r := row{id: rows.ID(commit.Revision, i), batch: b.ID, gone: ev.Type == mvcc.EventDelete, kv: ev.KV, actor: commit.Actor, at: commit.Time}
			switch {
			case ev.Prev != nil:
				r.prev = prev
			case prev != 0:
				return fmt.Errorf("%w: %q", mvcc.ErrKeyLives, key)
			}
			live[key] = r.id
			if r.gone {
				live[key] = 0
			}
			added = append(added, r)
		}
	}
	c.log = append(c.log, added...)
	for key, id := range live {
		if id == 0 {
			delete(c.live, key)
		} else {
			c.live[key] = id
		}
	}
	c.Revision += int64(len(b.Commits))
	c.compacted = max(c.compacted, b.Compacted)
	if changes && b.AdvancesChange() {
		c.Change++
	}
	for _, l := range b.Leases {
		l.Deadline = time.UnixMilli(l.Deadline.UnixMilli())
		c.leases[l.ID] = lease{Lease: l, change: c.Change}
	}
	for _, id := range b.RevokedLeases {
		if l, ok := c.leases[id]; ok && l.ended.IsZero() {
			l.change, l.ended = c.Change, now
			c.leases[id] = l
		}
	}
	return nil
}

// has reports whether the log holds a row of a batch.
func (c *contents) has(batch int64) bool {
	return slices.ContainsFunc(c.log, func(r row) bool { return r.batch == batch })
}

func (c *contents) state() mvcc.State {
	st := mvcc.State{Position: c.Position, Batch: c.batch(c.Revision), Store: c.store, Compacted: c.compacted, Pruned: c.pruned}
	for _, l := range c.leases {
		if l.ended.IsZero() {
			st.Leases = append(st.Leases, l.Lease)
		}
	}
	return st
}

var errDamaged = errors.New("the database is damaged: a live key has no row in the log")

// keys returns the live keys, by row.
func (c *contents) keys() ([]*mvcc.KeyValue, error) {
	kvs := make([]*mvcc.KeyValue, 0, len(c.live))
	for _, id := range slices.Sorted(maps.Values(c.live)) {
		r := c.row(id)
		if r == nil {
			return nil, errDamaged
		}
		kvs = append(kvs, copyOf(r.kv))
	}
	return kvs, nil
}

// event is an event as the log has it, with the id of its row.
type event struct {
	id, batch int64
	mvcc.Event
}

// events returns at most n of the events whose ids are from first on and below end.
func (c *contents) events(first, end int64, n int) []event {
	var evs []event
	for i := c.from(first); i < len(c.log) && c.log[i].id < end && len(evs) < n; i++ {
		r := &c.log[i]
		ev := event{r.id, r.batch, mvcc.Event{KV: copyOf(r.kv)}}
		if r.gone {
			ev.Type = mvcc.EventDelete
		}
		if p := c.row(r.prev); p != nil {
			ev.Prev = copyOf(p.kv)
		}
		evs = append(evs, ev)
	}
	return evs
}

// copyOf keeps a change of what one store holds from reaching another.
func copyOf(kv *mvcc.KeyValue) *mvcc.KeyValue {
	c := *kv
	return &c
}

// prune deletes the rows that revisions after from up to to have replaced, and their deletes.
func (c *contents) prune(from, to int64) int64 {
	gone := map[int64]bool{}
	first, end := rows.Span(from, to)
	for i := c.from(first); i < len(c.log) && c.log[i].id < end; i++ {
		r := &c.log[i]
		gone[r.prev] = true
		gone[r.id] = gone[r.id] || r.gone
		if writer, ok := mvcc.WriterOf(r.batch); ok {
			if have, ok := c.writers[writer]; !ok || have < r.batch {
				c.writers[writer] = r.batch
			}
		}
	}
	before := len(c.log)
	c.log = slices.DeleteFunc(c.log, func(r row) bool { return gone[r.id] })
	c.pruned = max(c.pruned, to)
	return int64(before - len(c.log))
}

func (c *contents) leaseChanges(after int64) mvcc.LeaseChanges {
	lc := mvcc.LeaseChanges{All: after < c.forgotten}
	for id, l := range c.leases {
		switch {
		case !lc.All && l.change <= after:
		case l.ended.IsZero():
			lc.Set = append(lc.Set, l.Lease)
		case !lc.All:
			lc.Gone = append(lc.Gone, id)
		}
	}
	return lc
}

// forget deletes what is remembered of leases that ended before a time.
func (c *contents) forget(before time.Time) {
	for id, l := range c.leases {
		if !l.ended.IsZero() && l.ended.Before(before) {
			c.forgotten = max(c.forgotten, l.change)
			delete(c.leases, id)
		}
	}
}
