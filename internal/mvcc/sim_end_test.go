package mvcc_test

import (
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// heal ends all trouble, and lets everything that is under way end.
func (w *simulation) heal() {
	w.note("everything heals")
	w.faults = 0
	for len(w.gate.late) > 0 {
		w.gate.arrive(0)
		w.settle()
	}
	w.mendAll()
	w.drain()
	for place, r := range w.replicas {
		if r.dead {
			w.open(place)
		}
	}
	w.drain()
	for _, r := range w.replicas {
		if !r.ready() && !w.failed() {
			w.fail(7, "%s does not open with a database that works", r)
		}
	}
}

// mendAll ends the trouble of every replica.
func (w *simulation) mendAll() {
	for _, r := range w.replicas {
		r.frozen = false
		if !r.dead {
			w.mend(r)
		}
	}
}

// drain lets requests pass until no operation is under way.
func (w *simulation) drain() {
	for begin := time.Now(); !w.failed(); {
		w.settle()
		if len(w.ops) == 0 {
			return
		}
		w.pass()
		if time.Since(begin) > 5*time.Minute {
			w.fail(7, "%s has not ended after %s with a database that works", w.ops[0], time.Since(begin))
		}
	}
}

// pass lets the first request pass, or time where there is none.
func (w *simulation) pass() {
	w.steps.Add(1)
	w.pause(time.Microsecond)
	if waiting := w.gate.waiting(); len(waiting) > 0 {
		w.gate.release(waiting[0])
	} else {
		w.pause(time.Second)
	}
}

// rest lets requests and time pass.
func (w *simulation) rest(d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d && !w.failed(); {
		w.settle()
		w.pass()
	}
	w.drain()
}

// conclude checks that the replicas agree with the database, once nothing goes on any more.
func (w *simulation) conclude() {
	w.rest(3 * time.Second) // until a commit in doubt has been looked up
	for _, r := range w.replicas {
		for at := (mvcc.Position{}); at != w.db.Reading().Position && !w.failed(); { // until nothing comes between
			at = w.db.Reading().Position
			o := w.readAs(r, &mvcc.Range{Span: all})
			w.drain()
			if o.outcome != acknowledged {
				w.fail(7, "%s with a database that works: %v", o, o.err)
			}
		}
		if w.failed() {
			return
		}
		w.sameLeases(r)
	}
	r := w.replicas[w.rnd.IntN(len(w.replicas))]
	for rev := max(w.journal.compacted-1, 1); rev <= w.journal.revision && !w.failed(); rev++ {
		o := w.readAs(r, &mvcc.Range{Span: all, Revision: rev})
		w.drain()
		if rev >= w.journal.compacted && o.outcome != acknowledged {
			w.fail(4, "%s, above the compacted revision %d: %v", o, w.journal.compacted, o.err)
		}
	}
	for _, wt := range w.watches {
		for !wt.ended && wt.r.ready() && wt.next <= w.journal.revision && !w.failed() {
			next := wt.next
			w.poll(wt)
			w.drain()
			if wt.next == next && !wt.ended {
				w.fail(3, "%s stays at revision %d, the database is at %d", wt, next, w.journal.revision)
			}
		}
	}
	w.rest(time.Minute) // longer than any lease and the hold of a maintainer
	if len(w.journal.leases) > 0 && !w.failed() {
		w.fail(5, "leases have not expired: %v", w.journal.leases)
	}
	if at := w.db.Reading(); at.Pruned < at.Compacted-1 {
		w.fail(4, "rows are deleted up to revision %d, compacted is %d", at.Pruned, at.Compacted)
	}
	for _, r := range w.replicas {
		w.counts.Reloads += int(r.store.Stats().Reloads)
		w.shut(r)
	}
	w.drain()
}

// sameLeases compares a replica's leases with the journal's.
func (w *simulation) sameLeases(r *replica) {
	for id := mvcc.LeaseID(1); id <= leases; id++ {
		want, ok := w.journal.leases[id]
		got, err := r.store.Lease(id, true)
		if ok != (err == nil) || ok && !sameDeadline(got.Deadline, want.Deadline) {
			w.fail(5, "%s: lease %d is %+v, %v; the database has %+v", r, id, got, err, want)
			continue
		}
		var keys [][]byte
		for _, kv := range w.journal.contents[w.journal.revision].in(all) {
			if kv.Lease == id {
				keys = append(keys, kv.Key)
			}
		}
		if fmt.Sprintf("%s", got.Keys) != fmt.Sprintf("%s", keys) {
			w.fail(5, "%s: lease %d has the keys %s, and should have %s", r, id, got.Keys, keys)
		}
	}
}
