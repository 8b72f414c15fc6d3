package enginetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// testReadWaitsForNobody: reads go on while another replica has its turn, and see
// nothing of what it has not committed.
func testReadWaitsForNobody(t *testing.T, p *pair) {
	m := newModel()
	m.commit(t, p.a, m.draft().revision(put("x", "1")))
	err := p.a.InTurn(t.Context(), func(ctx context.Context, _ mvcc.Position) (*mvcc.Batch, error) {
		// Who waited for the turn would wait for itself.
		for _, e := range []mvcc.Shared{p.a, p.b} {
			if r := read(t, e); r.Position != m.pos {
				t.Errorf("position %+v, want %+v", r.Position, m.pos)
			}
			m.check(t, e)
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testReadIsLinearizable: a read that begins after a commit has returned sees it.
func testReadIsLinearizable(t *testing.T, p *pair) {
	m := newModel()
	for i := range 50 {
		d := m.draft().revision(put("x", fmt.Sprint(i)))
		if i%10 == 9 {
			d.compact(m.pos.Revision)
		}
		m.commit(t, p.a, d)
		r := read(t, p.b)
		if r.Position != m.pos || r.Compacted != m.compacted || r.Pruned != 0 {
			t.Fatalf("%+v, want %+v compacted %d", r, m.pos, m.compacted)
		}
		if off := time.Since(r.Now).Abs(); off > time.Hour {
			t.Fatalf("the database's clock is off by %s", off)
		}
	}
}

// testAwait: a replica that waits learns of another's commits.
func testAwait(t *testing.T, p *pair) {
	m := newModel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range 5 {
		saw := make(chan mvcc.Position, 1)
		from := m.pos
		go func() {
			for ctx.Err() == nil {
				p.b.Await(ctx)
				if r, err := p.b.Read(ctx); err == nil && r.Position != from {
					saw <- r.Position
					return
				}
			}
		}()
		d := m.draft().revision(put("x", fmt.Sprint(i)))
		if i%2 == 1 {
			d.compact(m.pos.Revision)
		}
		m.commit(t, p.a, d)
		select {
		case pos := <-saw:
			if pos != m.pos {
				t.Errorf("saw %+v, want %+v", pos, m.pos)
			}
		case <-ctx.Done():
			t.Fatal("nothing seen")
		}
	}
	// It ends with its context.
	done := make(chan struct{})
	short, stop := context.WithCancel(ctx)
	go func() {
		for short.Err() == nil {
			p.a.Await(short)
		}
		close(done)
	}()
	stop()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatal("Await outlives its context")
	}
}

// testLoadIsOneSnapshot: what Load returns is the state at one position, however
// fast others write.
func testLoadIsOneSnapshot(t *testing.T, p *pair) {
	m := newModel()
	d := m.draft()
	const keys = 700
	for i := range keys {
		d.revision(put(fmt.Sprintf("k%03d", i), "0"))
	}
	m.commit(t, p.a, d)
	first := m.pos.Revision
	ctx, stop := context.WithCancel(t.Context())
	writing := make(chan error, 1)
	go func() {
		for i := 1; ; i++ {
			if ctx.Err() != nil {
				writing <- nil
				return
			}
			// One revision that touches keys of every part of the table.
			d := m.draft()
			var cs []change
			for j := 0; j < keys; j += 50 {
				cs = append(cs, put(fmt.Sprintf("k%03d", j), fmt.Sprint(i)))
			}
			d.revision(cs...).grant(mvcc.Lease{ID: 1, TTL: int64(i), Deadline: time.UnixMilli(int64(i))})
			if err := p.a.Commit(t.Context(), &d.Batch); err != nil {
				writing <- err
				return
			}
			m.accept(d, true)
		}
	}()
	for range 20 {
		seen := map[string]string{}
		st, err := p.b.Load(t.Context(), func(kv *mvcc.KeyValue) error {
			if kv.ModRevision > first || seen["at"] == "" {
				seen["at"] = string(kv.Value)
			}
			seen[string(kv.Key)] = string(kv.Value)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint(st.Revision - first)
		for j := 0; j < keys; j += 50 {
			if got := seen[fmt.Sprintf("k%03d", j)]; got != want {
				t.Fatalf("key %d is %q at revision %d, want %q", j, got, st.Revision, want)
			}
		}
		if st.Change != st.Revision-first || len(st.Leases) != int(min(1, st.Change)) || st.Change > 0 && st.Leases[0].TTL != st.Change {
			t.Fatalf("%+v", st)
		}
		delete(seen, "at")
		if len(seen) != keys {
			t.Fatalf("%d keys, want %d", len(seen), keys)
		}
	}
	stop()
	if err := <-writing; err != nil {
		t.Fatal(err)
	}
	m.check(t, p.b)
}

// testEventsAreWhole: a replica that follows the log up to the position it has
// read finds every revision, whole and in order.
func testEventsAreWhole(t *testing.T, p *pair) {
	m := newModel()
	const batches = 80
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got []*mvcc.Commit
	following := make(chan error, 1)
	go func() {
		at := int64(1)
		for at < 1+3*batches {
			p.b.Await(ctx)
			r, err := p.b.Read(ctx)
			if err != nil {
				following <- err
				return
			}
			for at < r.Revision {
				done, err := p.b.Events(ctx, at, r.Revision, 500, func(c *mvcc.Commit) error { got = append(got, c); return nil })
				if err == nil && done == at {
					err = fmt.Errorf("no events after %d up to %d", at, r.Revision)
				}
				if err != nil {
					following <- err
					return
				}
				at = done
			}
		}
		following <- nil
	}()
	for i := range batches {
		m.commit(t, p.a, m.draft().
			revision(put("a", fmt.Sprint(i)), put("b", fmt.Sprint(i))).
			revision(put(fmt.Sprint("c", i), "x")).
			revision(del(fmt.Sprint("c", i)), put("d", "y")))
	}
	if err := <-following; err != nil {
		t.Fatal(err)
	}
	sameCommits(t, got, m.log)
}
