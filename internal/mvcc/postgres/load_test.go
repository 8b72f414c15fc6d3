package postgres

import (
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestSlowLoad: a load may take longer than any statement, and one that is given up
// leaves its connections in order.
func TestSlowLoad(t *testing.T) {
	cfg := shared.Database(t)
	e := open(t, cfg)
	fill(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Timeout = 2 * time.Second
	e = open(t, cfg)
	defer e.Close()
	for range 2 {
		n := 0
		begin := time.Now()
		st, err := e.Load(t.Context(), func(*mvcc.KeyValue) error {
			if n++; n%1000 == 0 {
				time.Sleep(600 * time.Millisecond)
			}
			return nil
		})
		if err != nil || n != 5000 || len(st.Leases) != 5000 {
			t.Fatalf("%d keys and %d leases in %s, %v", n, len(st.Leases), time.Since(begin), err)
		}
	}
	if idle := e.readers.Stat().IdleConns(); idle != e.readers.Stat().TotalConns() {
		t.Errorf("%d of %d connections are idle", idle, e.readers.Stat().TotalConns())
	}
}
