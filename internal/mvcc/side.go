package mvcc

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"
)

// SideTables hold rows that must be durable, paged and deleted by the thousand, but belong neither
// in the key tree in memory nor in the revisioned log: messages, events, sessions, archived
// revisions. Side rows have no revision, no watch and no lease.
//
// The methods may be called from any goroutine. What is passed in, bytes too, must not change any
// more. Errors: SideInputError, before anything is queued; ErrUnavailable, ErrNoSpace and
// ErrClosed, with which nothing was written; ErrUnknownOutcome; the context's.
type SideTables interface {
	// Append adds rows, all or none, and returns their ids, which it assigns. Of two rows with the
	// same table and key, the one that was committed later has the greater id, whichever replica wrote
	// it, and no id is assigned twice, even after its row has been deleted. So a reader that pages
	// forward after the greatest id that it has seen misses no row.
	Append(ctx context.Context, rows ...SideRow) ([]int64, error)

	// AppendIf is Append where the condition holds at the time of its transaction. ErrSideChanged says
	// that it did not, and that nothing was written.
	AppendIf(ctx context.Context, c SideNewest, rows ...SideRow) ([]int64, error)

	// Page reads rows in the order of key and id, or backward. It covers every change acknowledged
	// before the call.
	Page(ctx context.Context, q SideQuery) (SidePage, error)

	// Count returns the number of rows in a span.
	Count(ctx context.Context, s SideSpan) (int64, error)

	// Delete deletes at most `most` rows of a span in one transaction, only those with a time before
	// `before` unless that is zero. The rows of a key go oldest first; those of a whole table go in
	// the order of their time where `before` is given. It may delete fewer than there are: call it
	// again while more is true.
	Delete(ctx context.Context, s SideSpan, before time.Time, most int) (deleted int, more bool, err error)

	// DeleteIf is Delete, on a condition as AppendIf.
	DeleteIf(ctx context.Context, c SideNewest, s SideSpan, before time.Time, most int) (deleted int, more bool, err error)
}

// SideNewest is the condition that the newest row of a key has an id; 0 says that the key has no
// row. Writers on any replica that each append a row to one key, on this condition, do so one after
// the other: what one of them has read is still so when it writes.
type SideNewest struct {
	Table string
	Key   []byte
	ID    int64
}

// Limits of side tables.
const (
	// MaxSideTable is the length of a table's name.
	MaxSideTable = 32
	// MaxSideKey is the length of a key, in bytes.
	MaxSideKey = 512
	// MaxSideData bounds the data of one row, and that of all rows of one append, in bytes.
	MaxSideData = 8 << 20
	// MaxSideRows bounds the rows of one append, of a page, and of a step of a delete.
	MaxSideRows = 1000
)

// SideRow is one row of a side table.
type SideRow struct {
	// Table is a short name: a to z and underscores.
	Table string
	// Key says what the row belongs to: a path, such as "NAMESPACE\x00CONVERSATION". Many rows may
	// have the same one.
	Key []byte
	// ID orders the rows of a key. Append assigns it.
	ID int64
	// Time is kept in milliseconds. Zero asks for the time of the append.
	Time time.Time
	Data []byte
}

// Cursor is the row's place.
func (r *SideRow) Cursor() *SideCursor { return &SideCursor{r.Key, r.ID} }

// size is about what the row takes.
func (r *SideRow) size() int { return 64 + len(r.Table) + len(r.Key) + len(r.Data) }

// SideSpan is the keys of a table from From on and below To; an empty To is no bound.
type SideSpan struct {
	Table    string
	From, To []byte
}

// SideKey is the span of one key.
func SideKey(table string, key []byte) SideSpan {
	return SideSpan{table, key, append(key[:len(key):len(key)], 0)}
}

// SidePrefix is the span of the keys that begin with a prefix: of the whole table where it is
// empty.
func SidePrefix(table string, prefix []byte) SideSpan {
	s := SideSpan{Table: table, From: prefix}
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			s.To = append(append([]byte{}, prefix[:i]...), prefix[i]+1)
			break
		}
	}
	return s
}

// Whole reports whether the span is the whole table.
func (s SideSpan) Whole() bool { return len(s.From) == 0 && len(s.To) == 0 }

// SideCursor is a place in a table: before it lie the rows with a smaller key, and those of the
// same key with a smaller id.
type SideCursor struct {
	Key []byte
	ID  int64
}

// SideQuery asks for a page.
type SideQuery struct {
	SideSpan
	// After is where the page begins: with the first row beyond it, in the direction of the page. nil
	// begins at the end of the span.
	After *SideCursor
	// Tail leaves out the rows whose key ends with more: the last bytes of the key, as many as Tail
	// has, are greater. A row that is left out costs a look at its key. nil leaves out none.
	Tail []byte
	// Backward pages from the greatest key and id to the smallest.
	Backward bool
	// Limit bounds the rows, MaxBytes their keys and data; a page has one row at least if there is
	// any. Defaults: MaxSideRows and 1 MiB.
	Limit    int
	MaxBytes int
}

// SidePage is a part of the rows that were asked for.
type SidePage struct {
	Rows []SideRow
	// More says that there are rows beyond the last one.
	More bool
}

// Sort brings the rows into the order of a page.
func (p *SidePage) Sort(backward bool) {
	slices.SortFunc(p.Rows, func(a, b SideRow) int {
		order := cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID))
		if backward {
			return -order
		}
		return order
	})
}
