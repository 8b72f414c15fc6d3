package memengine

import (
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

func TestEngine(t *testing.T) {
	enginetest.Run(t, func(*testing.T) mvcc.Engine { return New(Options{}).Engine(nil) })
}

// TestShared runs with pages so small that every list and load takes several.
func TestShared(t *testing.T) {
	enginetest.RunShared(t, func(*testing.T) (a, b mvcc.Shared) {
		d := New(Options{Page: 3})
		return d.Replica(nil), d.Replica(nil)
	})
}

func TestSide(t *testing.T) {
	enginetest.Side(t, func(*testing.T) func() mvcc.Engine {
		d := New(Options{SideOps: 2})
		return func() mvcc.Engine { return d.Replica(nil) }
	})
}

// TestGoneBack: a replica notices what the database has lost.
func TestGoneBack(t *testing.T) {
	enginetest.GoneBack(t, func(*testing.T) (open func() mvcc.Shared, lose func(first int64)) {
		d := New(Options{})
		return func() mvcc.Shared { return d.Replica(nil) }, func(first int64) {
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, r := range d.log[d.from(rows.ID(first, 0)):] {
				delete(d.live, string(r.kv.Key))
			}
			d.log = d.log[:d.from(rows.ID(first, 0))]
			d.Revision = first - 1
		}
	})
}

// TestSideGoneBack: what the side tables have lost is known.
func TestSideGoneBack(t *testing.T) {
	d := New(Options{})
	enginetest.SideGoneBack(t, func() mvcc.Shared { return d.Replica(nil) }, func(after int64) {
		d.mu.Lock()
		defer d.mu.Unlock()
		clear(d.side.batches)
		d.side.rows, d.side.newest = d.side.rows[:1], after
	})
}

// TestMethods: every method of a store may be called beside every other one.
func TestMethods(t *testing.T) {
	enginetest.Methods(t, New(Options{}).Engine(nil))
}

func TestSharedMethods(t *testing.T) {
	d := New(Options{})
	enginetest.Methods(t, d.Replica(nil), d.Replica(nil))
}
