package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// storeMethods calls every exported method of a Store once and reads all that it returns, so that
// the race detector sees memory that is shared with the store. Close is called by the test itself.
var storeMethods = map[string]func(ctx context.Context, s *mvcc.Store, i int64) error{
	"Changed": func(ctx context.Context, s *mvcc.Store, _ int64) error {
		select {
		case <-s.Changed():
		case <-time.After(time.Millisecond):
		}
		return nil
	},
	"Compact": func(ctx context.Context, s *mvcc.Store, i int64) error {
		time.Sleep(time.Millisecond) // leave something to read
		return s.Compact(ctx, max(s.Revision()-50, 1), i%8 == 0)
	},
	"Compacted": func(_ context.Context, s *mvcc.Store, _ int64) error { touch(s.Compacted()); return nil },
	"Current":   func(ctx context.Context, s *mvcc.Store, _ int64) error { return second(s.Current(ctx)) },
	"Lease": func(_ context.Context, s *mvcc.Store, i int64) error {
		return second(s.Lease(leaseOf(i), i%2 == 0))
	},
	"LeaseGrant": func(ctx context.Context, s *mvcc.Store, i int64) error {
		return second(s.LeaseGrant(ctx, leaseOf(i), 1+i%3))
	},
	"LeaseKeepAlive": func(ctx context.Context, s *mvcc.Store, i int64) error {
		return second(s.LeaseKeepAlive(ctx, leaseOf(i)))
	},
	"LeaseRevoke": func(ctx context.Context, s *mvcc.Store, i int64) error {
		time.Sleep(time.Millisecond) // leave something to renew
		return second(s.LeaseRevoke(ctx, leaseOf(i), mvcc.Actor{}))
	},
	"Leases":     func(_ context.Context, s *mvcc.Store, _ int64) error { touch(s.Leases()); return nil },
	"NextLeases": func(_ context.Context, s *mvcc.Store, _ int64) error { touch(s.NextLeases(2)); return nil },
	"Live": func(_ context.Context, s *mvcc.Store, _ int64) error {
		keys, bytes := s.Live(everything)
		touch([]int64{int64(keys), bytes})
		return nil
	},
	"Log": func(ctx context.Context, s *mvcc.Store, _ int64) error {
		last := s.Revision()
		return second(s.Log(ctx, max(last-50, 1), last, 1<<10, func(c *mvcc.Commit) error { touch(c); return nil }))
	},
	"Maintains": func(_ context.Context, s *mvcc.Store, _ int64) error { touch(s.Maintains()); return nil },
	"Now":       func(_ context.Context, s *mvcc.Store, _ int64) error { touch(s.Now()); return nil },
	"Range": func(ctx context.Context, s *mvcc.Store, i int64) error {
		r := &mvcc.Range{Span: everything, Limit: i % 4, Serializable: i%3 == 0}
		if i%2 == 0 {
			r.Revision = max(s.Revision()-i%40, 1)
		}
		return second(s.Range(ctx, r))
	},
	"Released": func(_ context.Context, s *mvcc.Store, _ int64) error { s.Released(); return nil },
	"Revision": func(_ context.Context, s *mvcc.Store, _ int64) error { touch(s.Revision()); return nil },
	"Side": func(ctx context.Context, s *mvcc.Store, i int64) error {
		key := fmt.Appendf(nil, "k%d", i%3)
		switch i % 5 {
		case 4:
			_, err := s.Side().AppendIf(ctx, mvcc.SideNewest{Table: "methods", Key: []byte("k")}, mvcc.SideRow{Table: "methods", Key: []byte("k"), Data: key})
			if errors.Is(err, mvcc.ErrSideChanged) {
				err = nil
			}
			return err
		case 0, 1:
			return second(s.Side().Append(ctx, mvcc.SideRow{Table: "methods", Key: key, Data: key}))
		case 2:
			_, _, err := s.Side().Delete(ctx, mvcc.SideKey("methods", key), time.Time{}, 3)
			return errors.Join(err, second(s.Side().Count(ctx, mvcc.SideKey("methods", key))))
		}
		return second(s.Side().Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SidePrefix("methods", nil), Backward: i%8 == 3}))
	},
	"Size": func(ctx context.Context, s *mvcc.Store, _ int64) error { return second(s.Size(ctx)) },
	"Snapshot": func(ctx context.Context, s *mvcc.Store, i int64) error {
		sn, err := s.Snapshot(ctx, max(s.Revision()-i%40, 1))
		if err == nil {
			touch(sn.Revision())
			touch(sn.Range(&mvcc.Range{Span: everything}))
		}
		return err
	},
	"Stats": func(_ context.Context, s *mvcc.Store, _ int64) error { touch(s.Stats()); return nil },
	"Txn": func(ctx context.Context, s *mvcc.Store, i int64) error {
		key := fmt.Appendf(nil, "k%d", i%7)
		ops := []mvcc.Op{&mvcc.Put{Key: key, Value: fmt.Append(nil, i), PrevKV: true}, &mvcc.Range{Span: everything}}
		switch i % 5 {
		case 0:
			ops = []mvcc.Op{&mvcc.Delete{Span: mvcc.Span{Key: key}, PrevKV: true}}
		case 1, 2:
			ops[0].(*mvcc.Put).Lease = leaseOf(i)
		}
		return second(s.Txn(ctx, &mvcc.Txn{
			Compares: []mvcc.Compare{{Span: mvcc.Span{Key: key}, Target: mvcc.CompareLease, Int: 0}}, Then: ops, Else: ops,
		}, mvcc.Actor{User: "u"}))
	},
	"Watch": func(ctx context.Context, s *mvcc.Store, i int64) error {
		return second(s.Watch(everything, max(s.Revision()-i%60, 1)).Poll(ctx, 1<<10))
	},
}

// expected are the errors that calls beside each other may well return. On a database server every
// call gives up within a time, which a busy machine exceeds.
func expected(err error, onServer bool) bool {
	expected := []error{mvcc.ErrLeaseNotFound, mvcc.ErrLeaseExists, mvcc.ErrCompacted, mvcc.ErrFutureRevision}
	if onServer {
		expected = append(expected, mvcc.ErrUnavailable, mvcc.ErrUnknownOutcome)
	}
	return slices.ContainsFunc(expected, func(want error) bool { return errors.Is(err, want) })
}

var everything = mvcc.Span{Key: []byte{0}, End: []byte{0}}

// leaseOf picks one of a few leases, so that calls meet.
func leaseOf(i int64) mvcc.LeaseID { return mvcc.LeaseID(1 + i%3) }

func second[T any](v T, err error) error {
	touch(v)
	return err
}

// touch reads all memory that a value reaches.
func touch(v any) {
	if _, err := json.Marshal(v); err != nil {
		panic(err) // a type that this test has to read in another way
	}
}

// Methods opens a Store on each engine, replicas on one database, and runs every exported method
// beside every other one and finally beside Close, which closes the engines. Under the race
// detector that shows memory that is shared without a lock; without it, that no call fails.
func Methods(t *testing.T, engines ...mvcc.Engine) {
	checkListed(t)
	var stores []*mvcc.Store
	for _, e := range engines {
		// A small ring makes watchers read the log too.
		s, err := mvcc.Open(t.Context(), e, mvcc.Options{RingCommits: 16})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	_, onServer := engines[0].(mvcc.Shared)
	const rounds = 40
	var running, enough sync.WaitGroup // enough: every method has been called so often
	var closing, closed atomic.Bool
	for _, s := range stores {
		for name, call := range storeMethods {
			enough.Add(1)
			running.Go(func() {
				called := sync.OnceFunc(enough.Done)
				defer called()
				for i := int64(0); !closed.Load(); i++ {
					if i == rounds {
						called()
					}
					if err := call(t.Context(), s, i); err != nil && !closing.Load() && !expected(err, onServer) {
						t.Errorf("%s beside the others: %v", name, err)
						return
					}
					time.Sleep(100 * time.Microsecond) // so that the quick ones leave time to the others
				}
			})
		}
	}
	enough.Wait()
	closing.Store(true)
	var ending sync.WaitGroup
	for _, s := range stores {
		for range 2 {
			ending.Go(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close beside calls: %v", err)
				}
			})
		}
	}
	ending.Wait()
	closed.Store(true)
	running.Wait()
}

// checkListed compares storeMethods with the methods that there are.
func checkListed(t *testing.T) {
	t.Helper()
	store := reflect.TypeFor[*mvcc.Store]()
	for i := range store.NumMethod() {
		if name := store.Method(i).Name; name != "Close" && storeMethods[name] == nil {
			t.Errorf("Store.%s is not called: add it to storeMethods", name)
		}
	}
	for name := range storeMethods {
		if _, ok := store.MethodByName(name); !ok {
			t.Errorf("there is no Store.%s: delete it from storeMethods", name)
		}
	}
}
