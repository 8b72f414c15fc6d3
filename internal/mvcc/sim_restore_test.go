package mvcc_test

import (
	"context"
	"errors"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// restore puts the backup back while the replicas run, as a fail-over to a standby that lacks
// commits does. Those that have published more must serve nobody from then on. Then the replicas
// are stopped, the revision is moved on as the restore command does, and they start again.
func (w *simulation) restore() {
	w.counts.Restores++
	faults := w.faults
	w.faults = 0
	for len(w.gate.late) > 0 {
		w.gate.arrive(0)
		w.settle()
	}
	w.mendAll()
	w.drain()
	if w.failed() {
		return
	}
	w.note("the database goes back from revision %d to %d", w.journal.revision, w.backedUp.revision)
	w.db.Restore(w.backup)
	at := w.db.Reading()
	acked, newest := w.acked, w.journal.newest
	w.journal.restore(w.backedUp, 0)
	var ahead []*replica
	for _, r := range w.replicas {
		if r.ready() && r.store.Revision() > at.Revision {
			ahead = append(ahead, r)
		}
	}
	if w.rnd.IntN(2) == 0 {
		w.fork(newest + w.rnd.Int64N(4))
	}
	for _, r := range ahead {
		if r.ready() {
			w.refuses(r, at)
		}
	}
	for _, r := range w.replicas {
		if !r.dead {
			w.kill(r)
		}
	}
	w.watches = nil
	w.drain()
	if w.failed() {
		return
	}
	w.db.Restore(w.backup) // it may have been written since
	w.acked, newest = max(acked, w.acked), max(newest, w.journal.newest)
	by := newest - at.Revision + 10
	w.note("restored: the revision is moved on by %d", by)
	w.db.Bump(by)
	w.journal.restore(w.backedUp, by)
	w.backup, w.backedUp = nil, nil
	for place := range w.replicas {
		w.open(place)
	}
	w.drain()
	w.faults = faults
}

// fork starts a replica anew on a database that has gone back, and lets it write up to a revision:
// from then on the counter alone does not show the others that they have published what was lost.
func (w *simulation) fork(upTo int64) {
	place := w.rnd.IntN(len(w.replicas))
	if !w.replicas[place].dead {
		w.kill(w.replicas[place])
	}
	w.acked = w.journal.revision
	w.open(place)
	w.drain()
	for tries := 0; w.journal.revision < upTo && tries < 200 && !w.failed(); tries++ {
		w.txn(w.replicas[place])
		w.drain()
	}
}

// refuses checks that a replica which has published more than the database has answers nobody.
func (w *simulation) refuses(r *replica, at mvcc.Reading) {
	published := r.store.Revision()
	try := func(what string, run func(context.Context) error) {
		if w.failed() {
			return
		}
		w.start(r, what, run, func(o *op) {
			if !errors.Is(o.err, mvcc.ErrUnavailable) {
				w.fail(8, "%s: %v, but revision %d had been published and the database has gone back to %d", o, o.err, published, at.Revision)
			}
		})
		w.drain()
	}
	try("current", func(ctx context.Context) error { _, err := r.store.Current(ctx); return err })
	try("read", func(ctx context.Context) error {
		_, err := r.store.Range(ctx, &mvcc.Range{Span: all})
		return err
	})
	try("put", func(ctx context.Context) error {
		_, err := r.store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("k0")}}}, mvcc.Actor{})
		return err
	})
}
