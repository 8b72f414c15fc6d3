package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
)

// TestHashesOfEarlierReleases: keys that a replica without hashes wrote get theirs at the next
// start, and while others run; two rows of one key are found then.
func TestHashesOfEarlierReleases(t *testing.T) {
	cfg := shared.Database(t)
	e := open(t, cfg)
	const keys = 2007
	for i := range keys {
		enginetest.CommitNext(t, e, fmt.Sprint(i))
	}
	hashless := func() (n int) {
		t.Helper()
		if err := e.readers.QueryRow(t.Context(), "SELECT count(*) FROM ark_state WHERE key_hash IS NULL").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const asBefore = "UPDATE ark_state SET key_hash = NULL"
	execute(t, cfg, asBefore)
	if n := hashless(); n != keys {
		t.Fatalf("%d of %d keys without a hash", n, keys)
	}
	open(t, cfg).Close()
	if n := hashless(); n != 0 {
		t.Errorf("%d keys have no hash after a start", n)
	}
	execute(t, cfg, asBefore+" WHERE created % 100 = 0")
	e.sweep.Store(0)
	if first, err := e.Maintain(t.Context(), time.Minute); err != nil || !first {
		t.Fatal(first, err)
	}
	if n := hashless(); n != 0 {
		t.Errorf("%d keys have no hash after the maintenance", n)
	}
	execute(t, cfg, `INSERT INTO ark_log (id, key, value, created, version, lease, prev, at, batch)
		SELECT 1::bigint<<60, key, value, 1::bigint<<60, 1, 0, 0, at, batch FROM ark_log ORDER BY id LIMIT 1`)
	execute(t, cfg, "INSERT INTO ark_state (created, id) VALUES (1::bigint<<60, 1::bigint<<60)")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), cfg, Options{})
	if err == nil {
		again.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "two live rows have the same key") {
		t.Errorf("two rows of one key: %v", err)
	}
}
