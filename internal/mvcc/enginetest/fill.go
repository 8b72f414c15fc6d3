package enginetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Fill makes the tables of an empty engine so large that to read all of them would be a bad plan.
func Fill(t *testing.T, e mvcc.Engine) {
	t.Helper()
	pos := mvcc.Position{Revision: 1}
	for range 5 {
		b := &mvcc.Batch{ID: 1, Base: pos}
		for range 1000 {
			pos.Revision++
			b.Commits = append(b.Commits, &mvcc.Commit{Revision: pos.Revision, Time: time.Now(), Events: []mvcc.Event{{KV: &mvcc.KeyValue{
				Key: fmt.Appendf(nil, "k%06d", pos.Revision), Value: []byte("v"), CreateRevision: pos.Revision, ModRevision: pos.Revision, Version: 1,
			}}}})
			b.Leases = append(b.Leases, mvcc.Lease{ID: mvcc.LeaseID(pos.Revision), TTL: 1, Deadline: time.Now()})
			if pos.Revision%5 == 0 {
				b.RevokedLeases = append(b.RevokedLeases, mvcc.LeaseID(pos.Revision))
			}
		}
		if err := e.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		pos.Change++
	}
	for i := range 5 {
		var rows []mvcc.SideRow
		for j := range mvcc.MaxSideRows {
			rows = append(rows, mvcc.SideRow{Table: "filled", Key: fmt.Appendf(nil, "k%d", j%100), Data: []byte("d"), Time: time.Now()})
		}
		if err := e.SideCommit(t.Context(), &mvcc.SideBatch{Writer: 1, Sequence: int64(i) + 1, Previous: int64(i), Ops: []*mvcc.SideOp{{Rows: rows}}}); err != nil {
			t.Fatal(err)
		}
	}
}
