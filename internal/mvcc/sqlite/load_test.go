package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestLoad: every key once, whatever the number of parts; an error of the
// receiver comes back; a key without its row is found.
func TestLoad(t *testing.T) {
	e, err := Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const keys = 3000
	c := &mvcc.Commit{Revision: 2}
	for i := range keys {
		c.Events = append(c.Events, mvcc.Event{KV: &mvcc.KeyValue{
			Key: fmt.Appendf(nil, "k%05d", i), Value: []byte("v"), CreateRevision: 2, ModRevision: 2, CreatePosition: i, Version: 1,
		}})
	}
	if err := e.Commit(t.Context(), &mvcc.Batch{Base: mvcc.Position{Revision: 1}, Commits: []*mvcc.Commit{c}}); err != nil {
		t.Fatal(err)
	}
	for parts := 1; parts <= 4; parts++ {
		bounds, err := e.split(t.Context(), keys, parts)
		if err != nil || len(bounds) != parts+1 {
			t.Fatalf("%d parts: %v %v", parts, bounds, err)
		}
	}
	seen := map[string]int{}
	st, err := e.Load(t.Context(), func(kv *mvcc.KeyValue) error {
		if kv.CreateRevision != 2 || fmt.Sprintf("k%05d", kv.CreatePosition) != string(kv.Key) {
			t.Fatalf("%+v", kv)
		}
		seen[string(kv.Key)]++
		return nil
	})
	if err != nil || st.Revision != 2 || len(seen) != keys {
		t.Fatalf("%d keys, %+v, %v", len(seen), st, err)
	}
	stop := errors.New("enough")
	if _, err := e.Load(t.Context(), func(*mvcc.KeyValue) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the receiver's error", err)
	}
	if _, err := e.writer.ExecContext(context.Background(), "DELETE FROM log WHERE key = CAST('k00007' AS BLOB)"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), func(*mvcc.KeyValue) error { return nil }); err == nil || !strings.Contains(err.Error(), "1 of 3000 keys") {
		t.Errorf("a missing row: %v", err)
	}
}
