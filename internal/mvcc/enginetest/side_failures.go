package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// sideMarker is what a proxy looks for.
const sideMarker = "marker-key"

// SideCutConnection: what is lost on the way to the server or back is found out, and sent again
// where it was lost on its way: each call succeeds, once. The engine reaches its server through the
// proxy.
func SideCutConnection(t *testing.T, p *sqltest.Proxy, e mvcc.Shared) {
	s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	side := s.Side()
	sideAppend(t, side, sideRow("cut", "before", "", sideTime)) // so that statements have been prepared
	if _, _, err := side.Delete(t.Context(), mvcc.SideKey("cut", []byte("before")), time.Time{}, 1); err != nil {
		t.Fatal(err)
	}
	for i, act := range []sqltest.Meddling{sqltest.CutRequest, sqltest.LoseReplies, sqltest.CutReply} {
		key := fmt.Sprint(sideMarker, i)
		p.Meddle(act, sideMarker)
		rows := sideAppend(t, side, sideRow("cut", key, "1", sideTime), sideRow("cut", key, "2", sideTime), sideRow("cut", key, "3", sideTime))
		sameSide(t, fmt.Sprintf("%d: appended", act), sideAll(t, side, mvcc.SideQuery{SideSpan: mvcc.SideKey("cut", []byte(key))}), rows)
		p.Meddle(act, sideMarker)
		n, more, err := side.Delete(t.Context(), mvcc.SideKey("cut", []byte(key)), time.Time{}, 2)
		if err != nil || n != 2 || !more {
			t.Fatalf("%d: %d deleted, more %t, %v", act, n, more, err)
		}
		p.Meddle(act, sideMarker)
		c := mvcc.SideNewest{Table: "cut", Key: []byte(key), ID: rows[2].ID}
		more1, err := side.AppendIf(t.Context(), c, sideRow("cut", key, "4", sideTime))
		if err != nil {
			t.Fatalf("%d: append on a condition: %v", act, err)
		}
		p.Meddle(act, sideMarker)
		if _, err := side.AppendIf(t.Context(), c, sideRow("cut", key, "5", sideTime)); !errors.Is(err, mvcc.ErrSideChanged) {
			t.Fatalf("%d: append on a condition that does not hold: %v", act, err)
		}
		rows = append(rows, sideRow("cut", key, "4", sideTime))
		rows[3].ID = more1[0]
		sameSide(t, fmt.Sprintf("%d: left", act), sideAll(t, side, mvcc.SideQuery{SideSpan: mvcc.SideKey("cut", []byte(key))}), rows[2:])
	}
}

// SideLateBatch: a batch that reaches the server after it was given up, and was sent again, takes
// no effect.
func SideLateBatch(t *testing.T, p *sqltest.Proxy, e mvcc.Shared) {
	s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sideAppend(t, s.Side(), sideRow("cut", "before", "", sideTime))
	p.Meddle(sqltest.Hold, sideMarker)
	rows := sideAppend(t, s.Side(), sideRow("cut", sideMarker, "late", sideTime))
	release := <-p.Held
	if err := release(); err != nil {
		t.Fatal(err)
	}
	<-p.Answered
	sameSide(t, "after the late batch", sideAll(t, s.Side(), mvcc.SideQuery{SideSpan: mvcc.SideKey("cut", []byte(sideMarker))}), rows)
}

// SideKilledServer: a server that is killed again and again under writers of side rows loses
// nothing acknowledged, keeps nothing refused, and has nothing twice. The engine's database is
// empty.
func SideKilledServer(t *testing.T, server Mortal, e mvcc.Shared) {
	s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	outcome := map[string]error{}
	var written atomic.Int64
	var writing sync.WaitGroup
	for w := range 4 {
		writing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				data := fmt.Sprintf("%d.%d", w, i)
				_, err := s.Side().Append(t.Context(), sideRow("killed", "k", data, sideTime))
				mu.Lock()
				outcome[data] = err
				mu.Unlock()
				if err == nil {
					written.Add(1)
				} else {
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	goesOn := func() {
		t.Helper()
		before := written.Load()
		for deadline := time.Now().Add(time.Minute); written.Load() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no row for a minute")
			}
		}
	}
	for range 4 {
		goesOn()
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		server.Kill()
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	goesOn()
	stop()
	writing.Wait()
	have := map[string]int{}
	last := int64(0)
	for _, r := range sideAll(t, s.Side(), mvcc.SideQuery{SideSpan: mvcc.SideKey("killed", []byte("k"))}) {
		have[string(r.Data)]++
		if r.ID <= last {
			t.Errorf("id %d after %d", r.ID, last)
		}
		last = r.ID
	}
	unknown, refused := 0, 0
	for data, err := range outcome {
		want := 1
		switch {
		case err == nil:
		case errors.Is(err, mvcc.ErrUnknownOutcome):
			unknown++
			want = min(have[data], 1)
		case errors.Is(err, mvcc.ErrUnavailable):
			refused++
			want = 0
		default:
			t.Errorf("%s: %v", data, err)
		}
		if have[data] != want {
			t.Errorf("%s is there %d times, its call returned %v", data, have[data], err)
		}
	}
	t.Logf("%d rows, %d outcomes unknown, %d refused", len(have), unknown, refused)
}

// SideGoneBack: a database that has lost a writer's batch is known not to hold it, also after
// others have written. lose makes the database lose all batches after an id.
func SideGoneBack(t *testing.T, open func() mvcc.Shared, lose func(after int64)) {
	e := open()
	s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept := sideAppend(t, s.Side(), sideRow("lost", "k", "kept", sideTime))[0]
	var points []mvcc.SidePoint
	find := func(p mvcc.SidePoint) (mvcc.SidePoint, bool) {
		t.Helper()
		newest, held, err := e.SideFind(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		return newest, held
	}
	newest, _ := find(mvcc.SidePoint{})
	points = append(points, newest)
	if newest.Newest != kept.ID || newest.Writer == 0 {
		t.Fatalf("the newest is %+v, want id %d", newest, kept.ID)
	}
	sideAppend(t, s.Side(), sideRow("lost", "k", "lost", sideTime))
	newest, _ = find(mvcc.SidePoint{})
	points = append(points, newest)
	for _, p := range points {
		if _, held := find(p); !held {
			t.Errorf("%+v is not held", p)
		}
	}
	lose(kept.ID)
	// Another replica's rows do not stand for those that were lost.
	other, err := mvcc.Open(t.Context(), open(), mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	sideAppend(t, other.Side(), sideRow("lost", "k", "other", sideTime))
	if at, held := find(points[1]); held || at.Writer == points[1].Writer {
		t.Errorf("%+v is held, the newest is %+v", points[1], at)
	}
}

// SideWorks uses all that an engine does with side tables, whatever the server's settings and
// rights.
func SideWorks(t *testing.T, e mvcc.Engine) {
	t.Helper()
	var rows []mvcc.SideRow
	for i := range 20 {
		rows = append(rows, sideRow("works", "it's \\ k", fmt.Sprintf("'%d' \\\x00\xff", i), sideTime))
	}
	span := mvcc.SidePrefix("works", nil)
	b := &mvcc.SideBatch{Writer: rand.Int64(), Sequence: 1, Ops: []*mvcc.SideOp{{Rows: rows}}}
	if err := e.SideCommit(t.Context(), b); err != nil || len(b.Ops) != 1 {
		t.Fatalf("%d ops, %v", len(b.Ops), err)
	}
	want := b.Ops[0].Rows
	again := &mvcc.SideBatch{Writer: b.Writer, Sequence: 1, Ops: b.Ops, Newest: b.Newest}
	if there, err := e.SideSettle(t.Context(), again); err != nil || !there || again.Newest != b.Newest {
		t.Fatalf("settled: there %t, %v, id %d, want %d", there, err, again.Newest, b.Newest)
	}
	if newest, held, err := e.SideFind(t.Context(), mvcc.SidePoint{Newest: b.Newest, Writer: b.Writer}); err != nil || !held || newest.Newest != b.Newest {
		t.Fatalf("found %+v, held %t, %v", newest, held, err)
	}
	for _, before := range []time.Time{{}, sideTime.Add(time.Hour)} {
		b = &mvcc.SideBatch{Writer: b.Writer, Sequence: b.Sequence + 1, Previous: b.Sequence, Ops: []*mvcc.SideOp{{Span: span, Before: before, Most: 5}}}
		if err := e.SideCommit(t.Context(), b); err != nil || b.Ops[0].Deleted != 5 || !b.Ops[0].More {
			t.Fatalf("%+v, %v", b.Ops[0], err)
		}
	}
	page, err := e.SidePage(t.Context(), &mvcc.SideQuery{SideSpan: span, Limit: 100, MaxBytes: 1 << 20})
	if err != nil || page.More {
		t.Fatalf("more %t, %v", page.More, err)
	}
	sameSide(t, "what is left", page.Rows, want[10:])
	if n, err := e.SideCount(t.Context(), span); err != nil || n != 10 {
		t.Fatalf("%d rows, %v", n, err)
	}
	b = &mvcc.SideBatch{Writer: b.Writer, Sequence: b.Sequence + 1, Previous: b.Sequence, Ops: []*mvcc.SideOp{{Span: span, Most: 100}}}
	if err := e.SideCommit(t.Context(), b); err != nil || b.Ops[0].Deleted != 10 || b.Ops[0].More {
		t.Fatalf("%+v, %v", b.Ops[0], err)
	}
}
