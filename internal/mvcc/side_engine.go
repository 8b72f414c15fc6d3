package mvcc

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// SideEngine is the part of an Engine that keeps side tables. SideCommit and SideSettle come from
// one goroutine, one at a time; they may run beside all other methods, as may the rest.
type SideEngine interface {
	// SideCommit carries out the first of the ops of a batch, at least one, in one transaction, and
	// cuts b.Ops to those. It sets the ids of rows, the results of deletes, and b.Newest. An error
	// that wraps ErrUnknownOutcome means that the batch, as it is then, may have taken effect; any
	// other that nothing has been written.
	SideCommit(ctx context.Context, b *SideBatch) error

	// SideSettle finds out what became of the batch whose SideCommit ended with ErrUnknownOutcome:
	// true says that it has taken effect, and its results are set. If it has not by then, it never
	// will.
	SideSettle(ctx context.Context, b *SideBatch) (bool, error)

	// SidePage reads what a complete query asks for.
	SidePage(ctx context.Context, q *SideQuery) (SidePage, error)

	// SideCount counts the rows of a span.
	SideCount(ctx context.Context, s SideSpan) (int64, error)

	// SideFind returns the newest point, and whether the database holds all that the writer of the
	// point p had committed by then.
	SideFind(ctx context.Context, p SidePoint) (newest SidePoint, held bool, err error)
}

// SidePoint names a batch: its writer and the newest id that it took. A writer's batches reach a
// database in their order, so one proves those before it.
type SidePoint struct{ Newest, Writer int64 }

// SideBatch is what one transaction does with side rows. Its ops have been asked for at the same
// time, so an engine may carry them out in any order.
type SideBatch struct {
	// Writer tells the store from every other one. Sequence counts its attempts to commit, and
	// Previous is that of the last one which is known to have taken effect, 0 for none.
	Writer, Sequence, Previous int64
	Ops                        []*SideOp
	// Newest is the newest id that the batch took. It is above all that were assigned before, also
	// where the batch only deletes.
	Newest int64
}

// SideOp is what one call changes: it appends rows or, where there are none, deletes some.
type SideOp struct {
	// If is the condition on which it does; nil for none. Ops that append on a condition are carried
	// out one after the other, each after its condition was looked at: an op sees what those before it
	// in the batch have appended.
	If *SideNewest
	// Refused is the result of an op with a condition: it did not hold, and the op has done nothing.
	Refused bool
	Rows    []SideRow
	// Span, Before and Most are Delete's.
	Span   SideSpan
	Before time.Time
	Most   int
	// Deleted and More are the result of a delete.
	Deleted int
	More    bool
}

// Deletes reports whether the op deletes.
func (o *SideOp) Deletes() bool { return len(o.Rows) == 0 }

// AppendsIf reports whether the op appends on a condition.
func (o *SideOp) AppendsIf() bool { return o.If != nil && !o.Deletes() }

// sideRefused is the result of an op whose condition did not hold.
const sideRefused = -1

// SetResult sets the results of an op: the number of rows that it has deleted, 0 for one that
// appends, and -1 for one that was refused.
func (o *SideOp) SetResult(n int) {
	o.Refused = n == sideRefused
	if o.Deletes() {
		o.Deleted = max(n, 0)
		o.More = o.Deleted == o.Most
	}
}

// Result is what SetResult takes.
func (o *SideOp) Result() int {
	if o.Refused {
		return sideRefused
	}
	return o.Deleted
}

// bytes is about what the op takes of a transaction.
func (o *SideOp) bytes() (n int) {
	for i := range o.Rows {
		n += o.Rows[i].size()
	}
	return n
}

// rows is how many the op appends, or may delete.
func (o *SideOp) rows() int { return len(o.Rows) + o.Most }

// Shrinks reports whether the batch only deletes.
func (b *SideBatch) Shrinks() bool {
	for _, o := range b.Ops {
		if !o.Deletes() {
			return false
		}
	}
	return true
}

// IDs is how many ids the batch takes: one for each row that it appends, and one at least.
func (b *SideBatch) IDs() int64 {
	n := 0
	for _, o := range b.Ops {
		n += len(o.Rows)
	}
	return int64(max(n, 1))
}

// Number gives the rows their ids, of which the newest is the last.
func (b *SideBatch) Number(newest int64) {
	id := newest - b.IDs()
	for _, o := range b.Ops {
		for i := range o.Rows {
			id++
			o.Rows[i].ID = id
		}
	}
	b.Newest = newest
}

// SetResults sets the results of the ops that delete and then of those that append on a condition
// from a list of numbers, in their order, each with a space behind it: how engines record them for
// SideSettle.
func (b *SideBatch) SetResults(list string) error {
	results := strings.Fields(list)
	for _, has := range []func(*SideOp) bool{(*SideOp).Deletes, (*SideOp).AppendsIf} {
		for _, o := range b.Ops {
			if !has(o) {
				continue
			}
			if len(results) == 0 {
				return fmt.Errorf("the database is damaged: the record of batch %d has too few numbers: restore a backup", b.Sequence)
			}
			n, err := strconv.Atoi(results[0])
			if err != nil {
				return fmt.Errorf("the database is damaged: the record of batch %d: %w: restore a backup", b.Sequence, err)
			}
			o.SetResult(n)
			results = results[1:]
		}
	}
	return nil
}

// SideID is the least id that a row may have: above the newest, and at a time not below the
// microsecond of the clock. So ids go on where a database has lost the newest ones, too.
func SideID(newest int64, now time.Time) int64 { return max(newest+1, now.UnixMicro()) }

// SideBump is by how many ids the side tables move on when the revision is moved on by hand: a
// burst of rows takes ids ahead of the clock.
const SideBump = 60_000_000

// sideEnd is above every key.
var sideEnd = bytes.Repeat([]byte{0xff}, MaxSideKey+1)

// Bounds are the keys from which on and below which a span lies; for SQL, which so needs no
// statement of its own where there is no bound.
func (s SideSpan) Bounds() (from, end []byte) {
	from, end = s.From, s.To
	if from == nil {
		from = []byte{}
	}
	if len(end) == 0 {
		end = sideEnd
	}
	return from, end
}

// Until is the time below which rows are to be deleted, in milliseconds.
func (o *SideOp) Until() int64 {
	if o.Before.IsZero() {
		return math.MaxInt64
	}
	return o.Before.UnixMilli()
}

// ByTime reports whether rows are to be deleted in the order of their time.
func (o *SideOp) ByTime() bool { return !o.Before.IsZero() && o.Span.Whole() }

// noTail leaves out no key.
var noTail = []byte{0xff}

// KeyTail is Tail for SQL, which so needs no statement of its own where there is none.
func (q *SideQuery) KeyTail() []byte {
	if len(q.Tail) == 0 {
		return noTail
	}
	return q.Tail
}

// Takes reports whether Tail does not leave out a key.
func (q *SideQuery) Takes(key []byte) bool {
	return len(q.Tail) == 0 || bytes.Compare(key[max(0, len(key)-len(q.Tail)):], q.Tail) <= 0
}

// Begin is the place beyond which the rows of a complete query lie: those with a greater key and id
// or, of a query that goes backward, with a smaller one.
func (q *SideQuery) Begin() SideCursor {
	from, end := q.Bounds()
	switch {
	case q.After != nil && !q.Backward && bytes.Compare(q.After.Key, from) >= 0,
		q.After != nil && q.Backward && bytes.Compare(q.After.Key, end) < 0:
		key := q.After.Key
		if key == nil {
			key = []byte{}
		}
		return SideCursor{key, q.After.ID}
	case q.Backward:
		return SideCursor{end, 0}
	}
	return SideCursor{from, -1}
}
