package mvcc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

func openPath(t testing.TB, path string, opts mvcc.Options) *mvcc.Store {
	t.Helper()
	e, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := mvcc.Open(t.Context(), e, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openNew(t testing.TB, opts mvcc.Options) *mvcc.Store {
	return openPath(t, filepath.Join(t.TempDir(), "ark.db"), opts)
}

func txn(t testing.TB, s *mvcc.Store, tx *mvcc.Txn) *mvcc.TxnResult {
	t.Helper()
	res, err := s.Txn(t.Context(), tx, mvcc.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func put(t testing.TB, s *mvcc.Store, key, value string) int64 {
	t.Helper()
	return txn(t, s, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: []byte(value)}}}).Revision
}

func del(t testing.TB, s *mvcc.Store, key string) int64 {
	t.Helper()
	return txn(t, s, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Delete{Span: mvcc.Span{Key: []byte(key)}}}}).Revision
}

var all = mvcc.Span{Key: []byte{0}, End: []byte{0}}

// dump prints what a range shows, so that two can be compared.
func dump(kvs []*mvcc.KeyValue) string {
	var b bytes.Buffer
	for _, kv := range kvs {
		fmt.Fprintf(&b, "%s=%s c%d m%d v%d l%d\n", kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease)
	}
	return b.String()
}

func read(t testing.TB, s *mvcc.Store, revision int64) string {
	t.Helper()
	res, err := s.Range(t.Context(), &mvcc.Range{Span: all, Revision: revision})
	if err != nil {
		t.Fatalf("read at %d: %v", revision, err)
	}
	return dump(res.KVs)
}

func TestEmptyStoreIsAtRevisionOne(t *testing.T) {
	s := openNew(t, mvcc.Options{})
	if r := s.Revision(); r != 1 {
		t.Fatalf("revision %d", r)
	}
	w := s.Watch(all, 1)
	if res, err := w.Poll(t.Context(), 1); err != nil || res.Revision != 1 || !res.Synced {
		t.Fatalf("watch of the empty store: %+v %v", res, err)
	}
	if r := put(t, s, "a", "1"); r != 2 {
		t.Fatalf("the first write got revision %d", r)
	}
	if res, err := w.Poll(t.Context(), 1); err != nil || len(res.Events) != 1 {
		t.Fatalf("watch of the first write: %+v %v", res, err)
	}
}

func TestTxn(t *testing.T) {
	s := openNew(t, mvcc.Options{})
	put(t, s, "a", "1")
	put(t, s, "a", "2")
	put(t, s, "b", "1")
	res := txn(t, s, &mvcc.Txn{
		Compares: []mvcc.Compare{
			{Span: mvcc.Span{Key: []byte("a")}, Target: mvcc.CompareVersion, Int: 2},
			{Span: mvcc.Span{Key: []byte("c")}, Target: mvcc.CompareCreate, Int: 0},
		},
		Then: []mvcc.Op{
			&mvcc.Put{Key: []byte("c"), Value: []byte("3")},
			&mvcc.Range{Span: all},
			&mvcc.Range{Span: all, Revision: 4},
			&mvcc.Txn{
				// Decided on what was there before.
				Compares: []mvcc.Compare{{Span: mvcc.Span{Key: []byte("c")}, Target: mvcc.CompareVersion, Int: 0}},
				Then:     []mvcc.Op{&mvcc.Delete{Span: mvcc.Span{Key: []byte("a"), End: []byte("c")}, PrevKV: true}},
			},
		},
	})
	if !res.Succeeded || res.Revision != 5 {
		t.Fatalf("succeeded %v, revision %d", res.Succeeded, res.Revision)
	}
	if got, want := dump(res.Results[1].(*mvcc.RangeResult).KVs), "a=2 c2 m3 v2 l0\nb=1 c4 m4 v1 l0\nc=3 c5 m5 v1 l0\n"; got != want {
		t.Errorf("read in the transaction:\n%swant\n%s", got, want)
	}
	if got, want := dump(res.Results[2].(*mvcc.RangeResult).KVs), "a=2 c2 m3 v2 l0\nb=1 c4 m4 v1 l0\n"; got != want {
		t.Errorf("read of the revision before:\n%swant\n%s", got, want)
	}
	nested := res.Results[3].(*mvcc.TxnResult)
	if d := nested.Results[0].(*mvcc.DeleteResult); !nested.Succeeded || d.Deleted != 2 || len(d.Prev) != 2 {
		t.Errorf("nested: %+v", d)
	}
	if got, want := read(t, s, 0), "c=3 c5 m5 v1 l0\n"; got != want {
		t.Errorf("after:\n%swant\n%s", got, want)
	}
}

func TestFailedTxnLeavesNothing(t *testing.T) {
	s := openNew(t, mvcc.Options{})
	put(t, s, "a", "1")
	before := read(t, s, 0)
	for name, tc := range map[string]struct {
		op   mvcc.Op
		want error
	}{
		"lease":   {&mvcc.Put{Key: []byte("z"), Lease: 7}, mvcc.ErrLeaseNotFound},
		"missing": {&mvcc.Put{Key: []byte("z"), IgnoreValue: true}, mvcc.ErrKeyNotFound},
		"future":  {&mvcc.Range{Span: all, Revision: 99}, mvcc.ErrFutureRevision},
	} {
		_, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("a"), Value: []byte("2")}, tc.op}}, mvcc.Actor{})
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if got := read(t, s, 0); got != before || s.Revision() != 2 {
		t.Errorf("revision %d, %s", s.Revision(), got)
	}
}

func TestOldRevisionsAndRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	// A ring of four sends most reads to the log.
	opts := mvcc.Options{RingCommits: 4}
	s := openPath(t, path, opts)
	want := map[int64]string{1: ""}
	for i := range 60 {
		key := fmt.Sprint("k", i%7)
		if i%5 == 4 {
			del(t, s, key)
		} else {
			put(t, s, key, fmt.Sprint(i))
		}
		want[s.Revision()] = read(t, s, 0)
	}
	check := func(compacted int64) {
		t.Helper()
		for revision := range s.Revision() + 1 {
			if revision == 0 {
				continue
			}
			_, err := s.Range(t.Context(), &mvcc.Range{Span: all, Revision: revision})
			if revision < compacted {
				if !errors.Is(err, mvcc.ErrCompacted) {
					t.Fatalf("read at %d below %d: %v", revision, compacted, err)
				}
				continue
			}
			if got := read(t, s, revision); got != want[revision] {
				t.Fatalf("at %d:\n%swant\n%s", revision, got, want[revision])
			}
		}
		if _, err := s.Range(t.Context(), &mvcc.Range{Span: all, Revision: s.Revision() + 1}); !errors.Is(err, mvcc.ErrFutureRevision) {
			t.Fatalf("read of the future: %v", err)
		}
	}
	reopen := func() {
		t.Helper()
		last := s.Revision()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openPath(t, path, opts)
		if s.Revision() != last {
			t.Fatalf("reopened at %d, was at %d", s.Revision(), last)
		}
	}
	check(0)
	reopen()
	check(0)
	if err := s.Compact(t.Context(), 30, true); err != nil {
		t.Fatal(err)
	}
	check(30)
	reopen()
	check(30)
	// Compacted up to a delete that is the newest revision, whose row goes.
	del(t, s, "k1")
	del(t, s, "k2")
	want[s.Revision()] = read(t, s, 0)
	if err := s.Compact(t.Context(), s.Revision(), true); err != nil {
		t.Fatal(err)
	}
	reopen()
	check(s.Revision())
	for revision, wantErr := range map[int64]error{s.Revision(): mvcc.ErrCompacted, 3: mvcc.ErrCompacted, s.Revision() + 1: mvcc.ErrFutureRevision} {
		if err := s.Compact(t.Context(), revision, false); !errors.Is(err, wantErr) {
			t.Errorf("compact to %d: %v, want %v", revision, err, wantErr)
		}
	}
}

func TestEmptyAndBinaryValuesSurviveRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	s := openPath(t, path, mvcc.Options{})
	put(t, s, "empty", "")
	put(t, s, "nul\x00\xff", "a\x00\xfe")
	want := read(t, s, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openPath(t, path, mvcc.Options{})
	if got := read(t, s, 0); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLeases(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	clock := make(chan time.Time, 1)
	clock <- now
	opts := mvcc.Options{Now: func() time.Time { n := <-clock; clock <- n; return n }}
	advance := func(d time.Duration) { n := <-clock; clock <- n.Add(d) }
	path := filepath.Join(t.TempDir(), "ark.db")
	s := openPath(t, path, opts)
	ctx := t.Context()

	l, err := s.LeaseGrant(ctx, 0, 60)
	if err != nil || l.TTL != 60 || !l.Deadline.Equal(now.Add(time.Minute)) {
		t.Fatalf("%+v %v", l, err)
	}
	if _, err := s.LeaseGrant(ctx, l.ID, 60); !errors.Is(err, mvcc.ErrLeaseExists) {
		t.Errorf("granted twice: %v", err)
	}
	if _, err := s.LeaseGrant(ctx, 0, mvcc.MaxLeaseTTL+1); !errors.Is(err, mvcc.ErrLeaseTTL) {
		t.Errorf("granted for too long: %v", err)
	}
	for _, k := range []string{"x", "y", "z"} {
		txn(t, s, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(k), Lease: l.ID}}})
	}
	put(t, s, "y", "detached")
	if got, _ := s.Lease(l.ID, true); fmt.Sprintf("%s", got.Keys) != "[x z]" {
		t.Errorf("keys %s", got.Keys)
	}
	advance(50 * time.Second)
	if l, err = s.LeaseKeepAlive(ctx, l.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openPath(t, path, opts)
	if got, err := s.Lease(l.ID, true); err != nil || !got.Deadline.Equal(l.Deadline) || len(got.Keys) != 2 {
		t.Fatalf("after a restart: %+v %v", got, err)
	}
	before := s.Revision()
	advance(61 * time.Second)
	if _, err := s.LeaseKeepAlive(ctx, l.ID); !errors.Is(err, mvcc.ErrLeaseNotFound) {
		t.Errorf("renewed after its deadline: %v", err)
	}
	for s.Revision() == before {
		// The request above has woken the sequencer, which expires it next.
		<-s.Changed()
	}
	if got, want := read(t, s, 0), "y=detached c3 m5 v2 l0\n"; got != want || s.Revision() != before+1 {
		t.Errorf("after expiry at %d: %q", s.Revision(), got)
	}
	if _, err := s.LeaseRevoke(ctx, l.ID, mvcc.Actor{}); !errors.Is(err, mvcc.ErrLeaseNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestWithdrawnRequestHasNoEffect(t *testing.T) {
	s := openNew(t, mvcc.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		_, err := s.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("a")}}}, mvcc.Actor{})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err != nil && !errors.Is(err, mvcc.ErrUnknownOutcome) {
			continue
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("a")}}}, mvcc.Actor{}); !errors.Is(err, mvcc.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}
