package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

func openStore(t *testing.T, path string) *mvcc.Store {
	t.Helper()
	_, s := openBoth(t, path)
	return s
}

// openBoth opens a store that is to be closed, for tests that look at its engine too.
func openBoth(t *testing.T, path string) (*Engine, *mvcc.Store) {
	t.Helper()
	e, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func put(t *testing.T, s *mvcc.Store, key, value string) int64 {
	t.Helper()
	res, err := s.Txn(context.Background(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: []byte(value)}}}, mvcc.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	return res.Revision
}

var everything = mvcc.Span{Key: []byte{0}, End: []byte{0}}

// TestBackupAndRestore: a backup taken under writers is one moment's state;
// restored, its revisions begin past all that were handed out, the lost ones
// included, and whoever watched before is told to start afresh.
func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "ark.db"), filepath.Join(dir, "backup.db")
	s := openStore(t, path)
	for i := range 200 {
		put(t, s, fmt.Sprint("k", i%50), fmt.Sprint("v", i))
	}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				// Both keys in one revision: a copy has both or none.
				if _, err := s.Txn(context.Background(), &mvcc.Txn{Then: []mvcc.Op{
					&mvcc.Put{Key: []byte("left"), Value: fmt.Append(nil, i)},
					&mvcc.Put{Key: []byte("right"), Value: fmt.Append(nil, i)},
				}}, mvcc.Actor{}); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	st, err := Backup(t.Context(), path, copied, nil)
	close(stop)
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	last := put(t, s, "lost", "after the backup")
	if st.Revision < 201 || st.Revision >= last {
		t.Fatalf("the copy is of revision %d, the database of %d", st.Revision, last)
	}
	if _, _, err := Restore(t.Context(), copied, path, "", 1000); err == nil || !strings.Contains(err.Error(), "has it open") {
		t.Fatalf("restored under an open server: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	restored, aside, err := Restore(t.Context(), copied, path, "", 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if restored.Revision != st.Revision+1_000_000 {
		t.Errorf("restored at revision %d, the copy is of %d", restored.Revision, st.Revision)
	}
	if _, err := os.Stat(aside); err != nil {
		t.Errorf("the old database: %v", err)
	}
	s = openStore(t, path)
	defer s.Close()
	if got := put(t, s, "new", "1"); got != restored.Revision+1 {
		t.Errorf("first write after the restore at %d, want %d", got, restored.Revision+1)
	}
	got, err := s.Range(t.Context(), &mvcc.Range{Span: everything})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, kv := range got.KVs {
		values[string(kv.Key)] = string(kv.Value)
	}
	if values["left"] != values["right"] || values["lost"] != "" || values["k49"] != "v199" || values["new"] != "1" {
		t.Errorf("restored values: %v", values)
	}
	if _, err := s.Watch(everything, last).Poll(t.Context(), 1<<20); !errors.Is(err, mvcc.ErrCompacted) {
		t.Errorf("a watch from before the restore: %v", err)
	}
	if _, err := s.Range(t.Context(), &mvcc.Range{Span: everything, Revision: st.Revision}); !errors.Is(err, mvcc.ErrCompacted) {
		t.Errorf("a read from before the restore: %v", err)
	}
	if res, err := s.Watch(everything, restored.Revision+1).Poll(t.Context(), 1<<20); err != nil || len(res.Events) != 1 || res.Events[0].Prev != nil {
		t.Errorf("a watch since the restore: %v, %v", res, err)
	}
	// An update finds what it replaces across the gap.
	put(t, s, "k1", "again")
	if err := s.Compact(t.Context(), s.Revision(), true); err != nil {
		t.Fatal(err)
	}
	if now, err := s.Range(t.Context(), &mvcc.Range{Span: mvcc.Span{Key: []byte("k1")}}); err != nil || string(now.KVs[0].Value) != "again" {
		t.Errorf("k1: %v, %v", now, err)
	}
}

func TestBackupRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ark.db")
	s := openStore(t, path)
	put(t, s, "k", "v")
	defer s.Close()
	taken := filepath.Join(dir, "taken.db")
	if err := os.WriteFile(taken, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, from, to, want string }{
		{"no database", filepath.Join(dir, "none.db"), filepath.Join(dir, "x.db"), "no database"},
		{"not a database", taken, filepath.Join(dir, "x.db"), "not an SQLite database"},
		{"the file exists", path, taken, "exists"},
		{"no folder", path, filepath.Join(dir, "no", "x.db"), "mkdir -p"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Backup(t.Context(), tc.from, tc.to, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v does not say %q", err, tc.want)
			}
		})
	}
	if b, _ := os.ReadFile(taken); string(b) != "precious" {
		t.Error("the other file has changed")
	}
	if _, err := Bump(t.Context(), path, "", 5); err == nil || !strings.Contains(err.Error(), "has it open") {
		t.Errorf("moved the counter under an open server: %v", err)
	}
}

// TestBegin: only a store that has never been written begins elsewhere.
func TestBegin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	if err := openStore(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if st, err := Begin(t.Context(), path, 1000); err != nil || st.Revision != 1001 {
			t.Fatalf("%+v, %v", st, err)
		}
	}
	s := openStore(t, path)
	defer s.Close()
	// A watch may begin at the revision that every answer has now.
	w := s.Watch(mvcc.Span{Key: []byte("k")}, s.Revision())
	if res, err := w.Poll(t.Context(), 1<<20); err != nil || !res.Synced || len(res.Events) > 0 {
		t.Errorf("%+v, %v", res, err)
	}
	put(t, s, "k", "v")
	if res, err := w.Poll(t.Context(), 1<<20); err != nil || len(res.Events) != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	if s.Revision() != 1002 || s.Compacted() != 1001 {
		t.Errorf("revision %d, compacted %d", s.Revision(), s.Compacted())
	}
}
