package memengine

import (
	"context"
	"sync/atomic"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// client is what both engines have in common.
type client struct {
	db        *Database
	intercept Intercept
	// underWay and made count requests.
	underWay, made atomic.Int64
}

// call makes a request.
func (c *client) call(ctx context.Context, call Call, do func() error) error {
	c.made.Add(1)
	c.underWay.Add(1)
	defer c.underWay.Add(-1)
	if c.intercept == nil {
		return do()
	}
	return c.intercept(ctx, call, do)
}

// locked makes a request that takes effect at once.
func (c *client) locked(ctx context.Context, call Call, do func(*Database) error) error {
	return c.call(ctx, call, func() error {
		c.db.mu.Lock()
		defer c.db.mu.Unlock()
		return do(c.db)
	})
}

// Load implements mvcc.Engine.
func (c *client) Load(ctx context.Context, each func(*mvcc.KeyValue) error) (mvcc.State, error) {
	var st mvcc.State
	var kvs []*mvcc.KeyValue
	err := c.locked(ctx, Call{Op: OpLoad}, func(d *Database) (err error) {
		st = d.state()
		kvs, err = d.keys()
		return err
	})
	for err == nil && len(kvs) > 0 {
		page := kvs[:min(len(kvs), c.db.opts.Page)]
		kvs = kvs[len(page):]
		err = c.call(ctx, Call{Op: OpLoadPage}, func() error {
			for _, kv := range page {
				if err := each(kv); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return st, err
}

// State implements mvcc.Engine.
func (c *client) State(ctx context.Context) (mvcc.State, error) {
	var st mvcc.State
	err := c.locked(ctx, Call{Op: OpState}, func(d *Database) error {
		st = d.state()
		return nil
	})
	return st, err
}

// Events implements mvcc.Engine. As on a database server each page is of another moment, and rows
// may be pruned in between.
func (c *client) Events(ctx context.Context, after, last int64, maxBytes int, each func(*mvcc.Commit) error) (int64, error) {
	r := mvcc.ReadCommits(after, maxBytes, each)
	next, end := rows.Span(after, last)
	for next < end && !r.Enough() {
		var page []event
		err := c.locked(ctx, Call{Op: OpEvents, After: rows.Revision(next) - 1, Last: last}, func(d *Database) error {
			page = d.events(next, end, d.opts.Page)
			return nil
		})
		if err != nil {
			return r.After(), err
		}
		for _, ev := range page {
			next = ev.id + 1
			if err := r.Add(ev.Event, ev.batch); err != nil {
				return r.After(), err
			}
		}
		if len(page) < c.db.opts.Page {
			break
		}
	}
	return r.Finish()
}

// Authors implements mvcc.Engine.
func (c *client) Authors(ctx context.Context, after, last int64, each func(mvcc.Author) error) error {
	first, end := rows.Span(after, last)
	var found []rows.Author
	err := c.locked(ctx, Call{Op: OpAuthors, After: after, Last: last}, func(d *Database) error {
		for i := d.from(first); i < len(d.log) && d.log[i].id < end; i++ {
			r := &d.log[i]
			found = append(found, rows.Author{ID: r.id, At: r.at.UnixMilli(), Actor: r.actor})
		}
		return nil
	})
	hand := rows.EachRevision(each)
	for i := 0; err == nil && i < len(found); i++ {
		err = hand(&found[i])
	}
	return err
}

// Prune implements mvcc.Engine.
func (c *client) Prune(ctx context.Context, from, to int64) (int64, error) {
	var n int64
	err := c.locked(ctx, Call{Op: OpPrune, After: from, Last: to}, func(d *Database) error {
		n = d.prune(from, to)
		return nil
	})
	return n, err
}

// rowSize is about what a row takes beside its key and value.
const rowSize = 128

// Size implements mvcc.Engine.
func (c *client) Size(ctx context.Context) (mvcc.Size, error) {
	size := mvcc.Size{Total: rowSize}
	err := c.locked(ctx, Call{Op: OpSize}, func(d *Database) error {
		for _, r := range d.log {
			size.Total += int64(rowSize + len(r.kv.Key) + len(r.kv.Value))
		}
		for _, r := range d.side.rows {
			size.Side += int64(rowSize + len(r.Key) + len(r.Data))
		}
		size.Total += size.Side
		return nil
	})
	return size, err
}

// Pools implements mvcc.Pooled: a connection for each request under way, and one at least.
func (c *client) Pools() []mvcc.Pool {
	inUse := int(c.underWay.Load())
	open := max(inUse, 1)
	return []mvcc.Pool{{Name: "all", Max: open, Open: open, InUse: inUse, Idle: open - inUse, Opened: max(c.made.Load(), 1)}}
}

// Engine is an mvcc.Engine: one store owns the database.
type Engine struct{ client }

var (
	_ mvcc.Engine = (*Engine)(nil)
	_ mvcc.Pooled = (*Engine)(nil)
)

// Engine returns an engine for the only store on the database. A nil intercept carries every
// request out.
func (d *Database) Engine(intercept Intercept) *Engine {
	return &Engine{client{db: d, intercept: intercept}}
}

// Commit implements mvcc.Engine.
func (e *Engine) Commit(ctx context.Context, b *mvcc.Batch) error {
	return e.locked(ctx, Call{Op: OpCommit, Batch: b}, func(d *Database) error { return d.commit(b, false) })
}

// Close implements mvcc.Engine.
func (e *Engine) Close() error { return nil }
