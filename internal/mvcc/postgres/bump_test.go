package postgres

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var farFuture = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)

// TestBump: a store goes on past the revisions left out, with its keys as they
// were; nobody can read or watch from before.
func TestBump(t *testing.T) {
	cfg := shared.Database(t)
	e := open(t, cfg)
	s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(s *mvcc.Store, key, value string) {
		t.Helper()
		if _, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: []byte(value)}}}, mvcc.Actor{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		put(s, "a", fmt.Sprint(i))
	}
	put(s, "b", "1")
	old := s.Revision()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, by := range []int64{0, -1, rows.MaxRevision} {
		if _, err := Bump(t.Context(), cfg, by); err == nil {
			t.Errorf("moved on by %d", by)
		}
	}
	const by = 1_000_000_000
	st, err := Bump(t.Context(), cfg, by)
	if err != nil || st.Revision != old+by || st.Compacted != old+by || st.Pruned != old+by {
		t.Fatalf("%+v, %v", st, err)
	}
	e = open(t, cfg)
	if s, err = mvcc.Open(t.Context(), e, mvcc.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Revision() != old+by {
		t.Fatalf("revision %d, want %d", s.Revision(), old+by)
	}
	put(s, "a", "new")
	for revision, want := range map[int64]error{old: mvcc.ErrCompacted, old + by - 1: mvcc.ErrCompacted, old + by: nil, old + by + 1: nil} {
		res, err := s.Range(t.Context(), &mvcc.Range{Span: mvcc.Span{Key: []byte("a")}, Revision: revision})
		if !errors.Is(err, want) {
			t.Errorf("read at %d: %v, want %v", revision, err, want)
		}
		if value := map[int64]string{old + by: "19", old + by + 1: "new"}[revision]; want == nil && (len(res.KVs) != 1 || string(res.KVs[0].Value) != value) {
			t.Errorf("read at %d: %+v, want %s", revision, res.KVs, value)
		}
	}
	n := 0
	if err := e.readers.QueryRow(t.Context(), "SELECT count(*) FROM ark_log").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d rows, %v; want 3", n, err)
	}
}

// TestForget: a replica that has been away while ended leases were deleted reads
// all of them again.
func TestForget(t *testing.T) {
	e := open(t, shared.Database(t))
	defer e.Close()
	b := &mvcc.Batch{Base: mvcc.Position{Revision: 1}}
	for id := range mvcc.LeaseID(4) {
		b.Leases = append(b.Leases, mvcc.Lease{ID: id + 1, TTL: 1, Deadline: farFuture})
	}
	if err := e.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for i, id := range []mvcc.LeaseID{1, 2} {
		if err := e.Commit(t.Context(), &mvcc.Batch{Base: mvcc.Position{Revision: 1, Change: int64(i + 1)}, RevokedLeases: []mvcc.LeaseID{id}}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(after int64, all bool, set, gone int) {
		t.Helper()
		lc, err := e.LeaseChanges(t.Context(), after)
		if err != nil || lc.All != all || len(lc.Set) != set || len(lc.Gone) != gone {
			t.Errorf("after %d: %+v, %v; want all %t, %d set, %d gone", after, lc, err, all, set, gone)
		}
	}
	if err := e.forget(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	expect(0, false, 2, 2)
	expect(2, false, 0, 1)
	if err := e.forget(t.Context(), farFuture); err != nil {
		t.Fatal(err)
	}
	expect(0, true, 2, 0)
	expect(2, true, 2, 0)
	expect(3, false, 0, 0)
}

// TestBegin: only a store that has never been written begins elsewhere, however many replicas start
// at once.
func TestBegin(t *testing.T) {
	cfg := shared.Database(t)
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if st, err := Begin(t.Context(), cfg, 1000); err != nil || st.Revision != 1001 || st.Compacted != 1001 {
			t.Fatalf("%+v, %v", st, err)
		}
	}
}
