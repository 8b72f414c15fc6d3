package mvcc

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// Point names a revision of one history: the batch that wrote a revision tells it from the same
// revision of another history, as a database has it that lost commits and was written again.
type Point struct {
	Revision int64
	// Batch is 0 where it is not known, as for a revision that no batch wrote.
	Batch int64
}

// Found is what a database holds of a Point.
type Found struct {
	// Batch wrote the Point's revision; 0 where the log has no row of that revision.
	Batch int64
	// Writer is the newest batch, among those that pruning has passed, of the writer of the
	// Point's batch; 0 for none. Recorded says that it would be there for the Point's revision.
	Writer   int64
	Recorded bool
}

// Batch ids below 0 hold who wrote: bits 31 to 62 are the writer, bits 0 to 30 count its batches. A
// writer's batches reach a database in their order, so the newest one that is known of a writer
// proves those before it. Releases before drew ids at random, from 0 on.
const writerShift = 31

// WriterOf returns the writer of a batch, if its id holds one.
func WriterOf(batch int64) (int64, bool) { return batch >> writerShift, batch < 0 }

// batchIDs hands out ids to a sequencer. The zero value is ready.
type batchIDs struct{ last int64 }

func (b *batchIDs) next() int64 {
	b.last++
	if _, ok := WriterOf(b.last); !ok || b.last&(1<<writerShift-1) == 0 {
		b.last = -1<<63 | int64(rand.Uint32())<<writerShift | 1
	}
	return b.last
}

// lost says that the newest batch did not reach the database. Another replica may have read it
// from a database that has gone back since, so no later batch may prove it.
func (b *batchIDs) lost() { b.last = 0 }

// missing reports whether a database with this reading is known not to hold the point.
func (p Point) missing(r Reading, f Found) bool {
	switch {
	case p.Revision > r.Revision:
		return true
	case p.Batch == 0:
		return false
	case f.Batch != 0:
		return f.Batch != p.Batch
	case p.Revision > r.Pruned:
		return true
	case p.Batch >= 0 || !f.Recorded:
		return false
	}
	return f.Writer == 0 || f.Writer < p.Batch
}

// Follows reports whether the database holds both points, in one snapshot; from is the older one. It
// is true where rows that have been pruned leave that open.
func Follows(ctx context.Context, e Shared, from, to Point) (bool, error) {
	r, found, err := e.Find(ctx, from, to)
	return err == nil && !from.missing(r, found[0]) && !to.missing(r, found[1]), err
}

// point is the newest revision of a state.
func (st *state) point() Point { return Point{st.Revision, st.batch} }

// other reports whether a reading of the same revision is of another history.
func (st *state) other(r Reading) bool {
	return r.Revision == st.Revision && r.Batch != 0 && st.batch != 0 && r.Batch != st.batch
}

// RewoundError says that the database is an older copy of what this replica has published, as
// after a fail-over that lost commits. It stays: once other replicas have written, the counter is
// past what was lost, and this replica's state and the database's are two histories.
type RewoundError struct{ From, To Position }

func (e *RewoundError) Error() string {
	then := fmt.Sprintf("to %d (%d)", e.To.Revision, e.To.Change)
	if e.To.Revision >= e.From.Revision && e.To.Change >= e.From.Change {
		then = fmt.Sprintf("and has been written since, up to %d (%d)", e.To.Revision, e.To.Change)
	}
	return fmt.Sprintf("the database has gone back from revision %d (change %d) %s: it is an older copy",
		e.From.Revision, e.From.Change, then)
}

// wentBack notes, and logs once, that the database at a position does not hold what this replica
// has published. It returns the error that every request gets from then on.
func (s *Store) wentBack(from, to Position) error {
	if s.goneBack.CompareAndSwap(nil, &RewoundError{From: from, To: to}) {
		s.opts.Log.Error("nothing is read or written any more", "error", s.usable())
	}
	return s.usable()
}

// usable is an error once the database has gone back: nothing may be read or written through this
// replica any more.
func (s *Store) usable() error {
	if e := s.goneBack.Load(); e != nil {
		return e
	}
	return nil
}
