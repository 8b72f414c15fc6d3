package mvcc_test

import (
	"maps"
	"strconv"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// journal is what the database has committed, in the order of commits. It holds each batch against
// what the operations that are under way may do.
type journal struct {
	w         *simulation
	revision  int64
	compacted int64
	contents  map[int64]content // by revision
	commits   map[int64]*mvcc.Commit
	leases    map[mvcc.LeaseID]mvcc.Lease
	lives     map[mvcc.LeaseID][]leaseLife
	// newest is the greatest revision there has ever been, before a restore too.
	newest int64
	side   sideJournal
}

// leaseLife is how a lease has been from a step on.
type leaseLife struct {
	step     int
	there    bool
	deadline time.Time
	ttl      int64
}

func newJournal(w *simulation) *journal {
	return &journal{
		w: w, revision: 1, newest: 1,
		contents: map[int64]content{1: {}},
		commits:  map[int64]*mvcc.Commit{},
		leases:   map[mvcc.LeaseID]mvcc.Lease{},
		lives:    map[mvcc.LeaseID][]leaseLife{},
		side:     sideJournal{done: map[int]*mvcc.SideOp{}},
	}
}

// copy is for a backup. What is in the maps never changes.
func (j *journal) copy() *journal {
	c := *j
	c.contents, c.commits = maps.Clone(j.contents), maps.Clone(j.commits)
	c.leases = maps.Clone(j.leases)
	c.side = j.side.copy()
	return &c
}

// restore goes back to a copy, and then on by a number of revisions.
func (j *journal) restore(c *journal, by int64) {
	newest, lives, sides := j.newest, j.lives, j.side.newest
	*j = *c.copy()
	j.lives, j.side.newest = lives, sides
	for id := range lives {
		l, there := j.leases[id]
		j.live(id, l, there)
	}
	last := j.contents[j.revision]
	if by > 0 {
		j.revision += by
		j.compacted = j.revision
		j.contents[j.revision] = last
	}
	j.newest = max(newest, j.revision)
}

// committed takes in a batch at the moment that it takes effect.
func (j *journal) committed(b *mvcc.Batch) {
	if b.Base.Revision != j.revision {
		j.w.fail(1, "a batch that was decided at revision %d is committed at %d", b.Base.Revision, j.revision)
		return
	}
	for _, l := range b.Leases {
		j.granted(l)
	}
	for _, c := range b.Commits {
		if c.Revision != j.revision+1 {
			j.w.fail(1, "revision %d is committed after %d", c.Revision, j.revision)
			return
		}
		j.commit(c, b)
	}
	for _, id := range b.RevokedLeases {
		j.revoked(id)
	}
	for _, kv := range j.contents[j.revision].in(all) {
		if _, ok := j.leases[kv.Lease]; kv.Lease != 0 && !ok {
			j.w.fail(5, "revision %d: %s has a lease that does not exist", j.revision, showKV(kv))
		}
	}
	if b.Compacted != 0 {
		j.compact(b.Compacted)
	}
	j.newest = max(j.newest, j.revision)
}

func (j *journal) commit(c *mvcc.Commit, b *mvcc.Batch) {
	x := refer(j.contents[j.revision], j.revision, j.at)
	if c.Actor.Verb == "expire" {
		for _, ev := range c.Events {
			if ev.Prev == nil || !contains(b.RevokedLeases, ev.Prev.Lease) {
				j.w.fail(5, "revision %d deletes %s, whose lease has not ended", c.Revision, ev.KV.Key)
				return
			}
			x.remove(string(ev.KV.Key))
		}
	} else {
		id, _ := strconv.Atoi(c.Actor.AuditID)
		o := j.w.byID[id]
		switch {
		case o == nil:
			j.w.fail(2, "revision %d was asked for by nobody: %+v", c.Revision, c.Actor)
			return
		case o.revision != 0:
			j.w.fail(2, "%s took effect at revision %d and again at %d", o, o.revision, c.Revision)
			return
		case o.outcome == refused:
			j.w.fail(2, "%s failed with %q and took effect at revision %d afterwards", o, o.err, c.Revision)
			return
		}
		o.revision = c.Revision
		o.decide(x)
	}
	if got, want := showEvents(c.Events), showEvents(x.events); got != want {
		j.w.fail(2, "revision %d by %+v is\n\t%s\nand should be\n\t%s", c.Revision, c.Actor, got, want)
		return
	}
	j.revision = c.Revision
	j.contents[j.revision], j.commits[j.revision] = x.now, c
}

// at is the content at a revision, empty for one that does not exist.
func (j *journal) at(revision int64) content { return j.contents[revision] }

func (j *journal) live(id mvcc.LeaseID, l mvcc.Lease, there bool) {
	j.lives[id] = append(j.lives[id], leaseLife{j.w.step(), there, l.Deadline, l.TTL})
}

func (j *journal) granted(l mvcc.Lease) {
	latest := j.w.now().Add(time.Duration(l.TTL)*time.Second + j.w.clockDoubt())
	if l.Deadline.After(latest) {
		j.w.fail(5, "lease %d of %d s is granted or renewed %s too long", l.ID, l.TTL, l.Deadline.Sub(latest))
	}
	// One that ends and is granted again in the same batch is only granted.
	if have, ok := j.leases[l.ID]; ok && have.TTL != l.TTL && !j.w.asked(l.ID) {
		j.w.fail(5, "lease %d is granted a second time", l.ID)
	}
	j.leases[l.ID] = l
	j.live(l.ID, l, true)
}

func (j *journal) revoked(id mvcc.LeaseID) {
	l, ok := j.leases[id]
	if !ok {
		// One that is granted and ends in the same batch only ends.
		if !j.w.asked(id) {
			j.w.fail(5, "lease %d ends, which does not exist", id)
		}
		return
	}
	delete(j.leases, id)
	j.live(id, l, false)
	asked := j.w.asked(id)
	if early := l.Deadline.Sub(j.w.now()) - j.w.clockDoubt(); early > 0 && !asked {
		j.w.fail(5, "lease %d of %d s ends %s before its deadline, and nobody asked for that", id, l.TTL, early)
	}
}

// during returns how a lease has been from a step on until now.
func (j *journal) during(id mvcc.LeaseID, from int) []leaseLife {
	lives := j.lives[id]
	for i := len(lives) - 1; i >= 0; i-- {
		if lives[i].step < from {
			return lives[i:]
		}
	}
	return append([]leaseLife{{}}, lives...)
}

func (j *journal) compact(to int64) {
	switch {
	case to <= j.compacted:
		j.w.fail(4, "compacted to %d after %d", to, j.compacted)
	case to > j.revision:
		j.w.fail(4, "compacted to %d, which is above %d", to, j.revision)
	}
	j.compacted = max(j.compacted, to)
}

func contains(ids []mvcc.LeaseID, id mvcc.LeaseID) bool {
	for _, have := range ids {
		if have == id {
			return true
		}
	}
	return false
}
