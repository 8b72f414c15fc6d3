package rows

import (
	"cmp"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// Live is a row of the table of live keys: for the row of the log that created a key, its newest.
type Live struct {
	Created, Newest int64
	// Key is not in the table, but its hash is: see mvcc.KeyHash.
	Key []byte
}

// Columns are those of the row, in a table or an alias of it.
func (l *Live) Columns(table string) named.Columns {
	return named.Columns{
		named.Of(table, "created", &l.Created),
		named.Of(table, "id", &l.Newest),
	}
}

// Keyed are the creating row and the key, in a table of live keys that is joined with the log.
func (l *Live) Keyed(live, log string) named.Columns {
	return named.Columns{
		named.Of(live, "created", &l.Created),
		named.Of(log, "key", &l.Key),
	}
}

// Left is what a batch makes of the table of live keys, however often it writes a key; each list is
// in ascending order of the creating row. A key that the batch creates and deletes leaves nothing.
type Left struct {
	// Gone are the keys from before the batch that it deletes, by the row that created them. One of
	// them may be created anew, so they go before Made comes.
	Gone []int64
	// Moved are keys from before the batch with another newest row, Made those that it creates.
	Moved, Made []Live
}

// LeftBy works out what a batch leaves.
func LeftBy(b *mvcc.Batch) Left {
	changes := make([]Live, 0, Count(b))
	for _, c := range b.Commits {
		for i, ev := range c.Events {
			l := Live{Created: createdBy(ev), Key: ev.KV.Key} // Newest 0: the key is gone
			if ev.Type == mvcc.EventPut {
				l.Newest = ID(c.Revision, i)
			}
			changes = append(changes, l)
		}
	}
	slices.SortStableFunc(changes, func(a, b Live) int { return cmp.Compare(a.Created, b.Created) })
	first := ID(b.Base.Revision+1, 0)
	var left Left
	live, before := changes[:0], 0
	for i, l := range changes {
		if i+1 < len(changes) && changes[i+1].Created == l.Created {
			continue // a later change of the same key counts
		}
		switch old := l.Created < first; {
		case l.Newest == 0 && old:
			left.Gone = append(left.Gone, l.Created)
		case l.Newest != 0:
			live = append(live, l)
			if old {
				before = len(live)
			}
		}
	}
	left.Moved, left.Made = live[:before], live[before:]
	return left
}

// Count is how many rows of the log a batch has.
func Count(b *mvcc.Batch) int {
	n := 0
	for _, c := range b.Commits {
		n += len(c.Events)
	}
	return n
}

// Bounds cuts the table of live keys into parts of about equal size, by the row that created them:
// part i is from bound i to below bound i+1. at reads the creating row at an offset in their order.
func Bounds(keys, parts int, at func(offset int) (int64, error)) ([]int64, error) {
	bounds := []int64{-1 << 63}
	for i := 1; i < parts; i++ {
		bound, err := at(keys * i / parts)
		if err != nil {
			return nil, err
		}
		bounds = append(bounds, bound)
	}
	return append(bounds, 1<<63-1), nil
}
