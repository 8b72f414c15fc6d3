package mysql

import (
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
)

// TestHashesOfEarlierReleases: keys that a replica without hashes wrote get theirs at the next
// start, and while others run; two rows of one key are found then.
func TestHashesOfEarlierReleases(t *testing.T) {
	cfg := server.Database(t)
	e := open(t, cfg)
	keys := 2*findMany + 7
	m := enginetest.PutBatch(enginetest.PositionOf(t, e), "first", "v")
	if err := e.Commit(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for i := range keys - 1 {
		enginetest.CommitNext(t, e, strings.Repeat("k", i+1))
	}
	hashless := func() (n int) {
		t.Helper()
		if err := e.readers.QueryRow("SELECT COUNT(*) FROM ark_state WHERE key_hash IS NULL").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := e.pruner.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	const asBefore = "UPDATE ark_state SET key_hash=NULL"
	exec(asBefore)
	if n := hashless(); n != keys {
		t.Fatalf("%d of %d keys without a hash", n, keys)
	}
	open(t, cfg).Close()
	if n := hashless(); n != 0 {
		t.Errorf("%d keys have no hash after a start", n)
	}
	exec(asBefore + " LIMIT 3")
	if _, err := e.Prune(t.Context(), 1, 2); err != nil {
		t.Fatal(err)
	}
	if n := hashless(); n != 0 {
		t.Errorf("%d keys have no hash after the maintenance", n)
	}
	exec("INSERT INTO ark_log (id,`key`,value,created,version,lease,prev,at,batch) SELECT 1<<60,`key`,value,1<<60,1,0,0,at,batch FROM ark_log ORDER BY id LIMIT 1")
	exec("INSERT INTO ark_state (created,id) VALUES (1<<60,1<<60)")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), cfg, quiet)
	if err == nil {
		again.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "two live rows have the same key") {
		t.Errorf("two rows of one key: %v", err)
	}
}
