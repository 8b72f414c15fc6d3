package mysql

import (
	"fmt"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

func TestSideCutConnection(t *testing.T) {
	e, p := proxied(t)
	enginetest.SideCutConnection(t, p, e)
}

func TestSideLateBatch(t *testing.T) {
	e, p := proxied(t)
	enginetest.SideLateBatch(t, p, e)
}

func TestSideKilledServer(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	cfg := s.Database(t)
	cfg.Timeout = 2 * time.Second
	enginetest.SideKilledServer(t, s, open(t, cfg))
}

func TestSideGoneBack(t *testing.T) {
	cfg := server.Database(t)
	enginetest.SideGoneBack(t, func() mvcc.Shared { return open(t, cfg) }, func(after int64) {
		conn, err := newConnector(cfg, quiet.Log).pool(1).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		exec(t, conn, fmt.Sprint("DELETE FROM ark_side WHERE id>", after), fmt.Sprint("DELETE FROM ark_side_batch WHERE newest>", after),
			fmt.Sprint("UPDATE ark_side_counter SET newest=", after))
	})
}

// TestSidePackets: calls are carried out in parts where they exceed what the server takes in one
// packet; one that exceeds it by itself is one transaction of several.
func TestSidePackets(t *testing.T) {
	e := open(t, server.Database(t))
	defer e.Close()
	op := func(n int) *mvcc.SideOp {
		o := &mvcc.SideOp{}
		for i := range n {
			o.Rows = append(o.Rows, mvcc.SideRow{Table: "packets", Data: append(make([]byte, 900), byte(i))})
		}
		return o
	}
	// A new connection asks for the size of packets.
	if err := e.SideCommit(t.Context(), &mvcc.SideBatch{Writer: 2, Sequence: 1, Ops: []*mvcc.SideOp{op(1)}}); err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct {
		ops  []*mvcc.SideOp
		want int
	}{{[]*mvcc.SideOp{op(1), op(1), op(1), op(1), op(1), op(1), op(1), op(1)}, 2}, {[]*mvcc.SideOp{op(40), op(1)}, 1}, {[]*mvcc.SideOp{op(1), op(1)}, 2}} {
		b := &mvcc.SideBatch{Writer: 1, Sequence: int64(i) + 1, Previous: int64(i), Ops: tc.ops}
		before, err := e.SideCount(t.Context(), mvcc.SidePrefix("packets", nil))
		if err != nil {
			t.Fatal(err)
		}
		e.maxPacket.Store(packetMargin + 4000)
		if i == 2 {
			e.maxPacket.Store(1 << 20)
		}
		if err := e.SideCommit(t.Context(), b); err != nil || len(b.Ops) != tc.want {
			t.Fatalf("%d: %d ops, %v; want %d", i, len(b.Ops), err, tc.want)
		}
		after, err := e.SideCount(t.Context(), mvcc.SidePrefix("packets", nil))
		if err != nil || after-before != b.IDs() {
			t.Errorf("%d: %d rows were added, %v; want %d", i, after-before, err, b.IDs())
		}
	}
}

// TestSideFrozen: a session that stops between two packets does not keep the counter of side rows.
func TestSideFrozen(t *testing.T) {
	t.Parallel()
	cfg := server.Database(t)
	cfg.Timeout = 8 * time.Second // others wait for 4 s
	e := open(t, cfg)
	defer e.Close()
	conn, err := newConnector(cfg, quiet.Log).pool(1).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec(t, conn, holdSide, "START TRANSACTION", "UPDATE ark_side_counter SET newest=newest+1 WHERE one=1")
	if err := e.SideCommit(t.Context(), &mvcc.SideBatch{Writer: 1, Sequence: 1, Ops: []*mvcc.SideOp{{Rows: []mvcc.SideRow{{Table: "frozen"}}}}}); err != nil {
		t.Fatal(err)
	}
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("the frozen session lives")
	}
}

func BenchmarkSide(b *testing.B) {
	e, err := Open(b.Context(), server.Database(b), Options{})
	if err != nil {
		b.Fatal(err)
	}
	enginetest.BenchSide(b, e)
}
