package memengine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// side is what a database holds of side tables. Rows are never changed.
type side struct {
	rows   []mvcc.SideRow // in the order of ids
	newest int64          // the newest id that was assigned
	// batches holds the newest batch of each writer.
	batches map[int64]sideRecord
}

// sideRecord is what is known of a writer: the newest id that it took, and its newest batch, which
// was given up or has taken effect.
type sideRecord struct {
	sequence, newest int64
	results          string
	lost             bool
}

func (s *side) copy() side {
	return side{slices.Clone(s.rows), s.newest, maps.Clone(s.batches)}
}

// errGivenUp is what becomes of a batch that arrives after its writer has given it up.
var errGivenUp = errors.New("the batch of side rows had been given up")

// apply carries out the ops of a batch, which does not change, and records them. It returns a copy
// with the results.
func (s *side) apply(b *mvcc.SideBatch, ops int, now time.Time) (*mvcc.SideBatch, error) {
	if s.batches[b.Writer].sequence >= b.Sequence {
		return nil, errGivenUp
	}
	done := &mvcc.SideBatch{Writer: b.Writer, Sequence: b.Sequence}
	for _, o := range b.Ops[:ops] {
		c := *o
		c.Rows = slices.Clone(o.Rows)
		done.Ops = append(done.Ops, &c)
	}
	record := sideRecord{sequence: b.Sequence, newest: mvcc.SideID(s.newest, now) + done.IDs() - 1}
	done.Number(record.newest)
	for _, o := range done.Ops {
		if o.Deletes() {
			n := -1
			if s.holds(o.If) {
				n = s.remove(o)
			}
			o.SetResult(n)
			record.results += strconv.Itoa(o.Result()) + " "
		}
	}
	for _, o := range done.Ops {
		if o.AppendsIf() {
			o.SetResult(0)
			if !s.holds(o.If) {
				o.SetResult(-1)
			}
			record.results += strconv.Itoa(o.Result()) + " "
		}
		if o.Deletes() || o.Refused {
			continue
		}
		for _, r := range o.Rows {
			r.Key, r.Data, r.Time = bytes.Clone(r.Key), bytes.Clone(r.Data), time.UnixMilli(r.Time.UnixMilli())
			s.rows = append(s.rows, r)
		}
	}
	s.newest, s.batches[b.Writer] = record.newest, record
	return done, nil
}

// holds reports whether a condition holds; nil does.
func (s *side) holds(c *mvcc.SideNewest) bool {
	if c == nil {
		return true
	}
	newest := int64(0)
	for _, r := range s.in(mvcc.SideKey(c.Table, c.Key)) {
		newest = max(newest, r.ID)
	}
	return newest == c.ID
}

// remove deletes what an op deletes.
func (s *side) remove(o *mvcc.SideOp) int {
	found := s.in(o.Span)
	if !o.Before.IsZero() {
		found = slices.DeleteFunc(found, func(r mvcc.SideRow) bool { return r.Time.UnixMilli() >= o.Before.UnixMilli() })
		if o.Span.Whole() {
			slices.SortFunc(found, func(a, b mvcc.SideRow) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
		}
	}
	gone := map[int64]bool{}
	for _, r := range found[:min(len(found), o.Most)] {
		gone[r.ID] = true
	}
	s.rows = slices.DeleteFunc(slices.Clone(s.rows), func(r mvcc.SideRow) bool { return gone[r.ID] })
	return len(gone)
}

// in returns the rows of a span in the order of pages.
func (s *side) in(span mvcc.SideSpan) []mvcc.SideRow {
	var found []mvcc.SideRow
	for _, r := range s.rows {
		if r.Table == span.Table && bytes.Compare(r.Key, span.From) >= 0 && (len(span.To) == 0 || bytes.Compare(r.Key, span.To) < 0) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b mvcc.SideRow) int { return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID)) })
	return found
}

// page answers a query.
func (s *side) page(q *mvcc.SideQuery) mvcc.SidePage {
	found := s.in(q.SideSpan)
	if q.Backward {
		slices.Reverse(found)
	}
	var page mvcc.SidePage
	size := 0
	for _, r := range found {
		if c := q.After; c != nil {
			beyond := cmp.Or(bytes.Compare(r.Key, c.Key), cmp.Compare(r.ID, c.ID))
			if q.Backward {
				beyond = -beyond
			}
			if beyond <= 0 {
				continue
			}
		}
		if !q.Takes(r.Key) {
			continue
		}
		if len(page.Rows) == q.Limit || size >= q.MaxBytes {
			page.More = true
			break
		}
		size += len(r.Key) + len(r.Data)
		r.Key, r.Data = bytes.Clone(r.Key), bytes.Clone(r.Data)
		page.Rows = append(page.Rows, r)
	}
	return page
}

// SideCommit implements mvcc.SideEngine.
func (c *client) SideCommit(ctx context.Context, b *mvcc.SideBatch) error {
	ops := len(b.Ops)
	if most := c.db.opts.SideOps; most > 0 {
		ops = min(ops, most)
	}
	b.Ops = b.Ops[:ops]
	sent := *b // a late request is carried out while the caller goes on
	sent.Ops = slices.Clone(b.Ops)
	err := c.locked(ctx, Call{Op: OpSideCommit, Side: b}, func(d *Database) error {
		done, err := d.side.apply(&sent, ops, d.opts.Now())
		if err == nil && d.opts.SideCommitted != nil {
			d.opts.SideCommitted(done)
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.results(b)
}

// results sets those of a batch that has taken effect.
func (c *client) results(b *mvcc.SideBatch) error {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	r := c.db.side.batches[b.Writer]
	b.Number(r.newest)
	return b.SetResults(r.results)
}

// SideSettle implements mvcc.SideEngine.
func (c *client) SideSettle(ctx context.Context, b *mvcc.SideBatch) (bool, error) {
	landed := false
	err := c.locked(ctx, Call{Op: OpSideSettle, Side: b}, func(d *Database) error {
		r := d.side.batches[b.Writer]
		if landed = r.sequence == b.Sequence && !r.lost; !landed {
			d.side.batches[b.Writer] = sideRecord{sequence: b.Sequence, newest: r.newest, lost: true}
		}
		return nil
	})
	if err != nil || !landed {
		return false, err
	}
	return true, c.results(b)
}

// SidePage implements mvcc.SideEngine.
func (c *client) SidePage(ctx context.Context, q *mvcc.SideQuery) (page mvcc.SidePage, err error) {
	err = c.locked(ctx, Call{Op: OpSidePage}, func(d *Database) error {
		page = d.side.page(q)
		return nil
	})
	return page, err
}

// SideCount implements mvcc.SideEngine.
func (c *client) SideCount(ctx context.Context, s mvcc.SideSpan) (n int64, err error) {
	err = c.locked(ctx, Call{Op: OpSideCount}, func(d *Database) error {
		n = int64(len(d.side.in(s)))
		return nil
	})
	return n, err
}

// SideFind implements mvcc.SideEngine.
func (c *client) SideFind(ctx context.Context, p mvcc.SidePoint) (newest mvcc.SidePoint, held bool, err error) {
	err = c.locked(ctx, Call{Op: OpSideFind}, func(d *Database) error {
		for writer, r := range d.side.batches {
			if r.newest > newest.Newest {
				newest = mvcc.SidePoint{Newest: r.newest, Writer: writer}
			}
		}
		held = p.Newest == 0 || d.side.batches[p.Writer].newest >= p.Newest
		return nil
	})
	return newest, held, err
}
