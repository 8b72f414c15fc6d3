package enginetest

import (
	"context"
	"errors"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// testKeyLives: a replica that does not know a key, because its copy of the data lacks it, cannot
// create it a second time, and is told so. A key that was deleted can be.
func testKeyLives(t *testing.T, p *pair) {
	m := newModel()
	m.commit(t, p.a, m.draft().revision(put("x", "1"), put("y", "1")))
	m.commit(t, p.a, m.draft().revision(put("x", "2")))
	incomplete := func() *mvcc.Batch {
		d := m.draft()
		delete(d.live, "x")
		return &d.revision(put("z", "1")).revision(put("x", "anew")).Batch
	}
	refused := func(err error) {
		t.Helper()
		if !errors.Is(err, mvcc.ErrKeyLives) || errors.Is(err, mvcc.ErrMoved) || errors.Is(err, mvcc.ErrUnknownOutcome) {
			t.Fatalf("got %v, want ErrKeyLives", err)
		}
		m.check(t, p.a)
		m.check(t, p.b)
	}
	refused(p.b.Commit(t.Context(), incomplete()))
	refused(p.b.InTurn(t.Context(), func(context.Context, mvcc.Position) (*mvcc.Batch, error) { return incomplete(), nil }))

	m.commit(t, p.b, m.draft().revision(del("x")).revision(put("x", "3")))
	refused(p.a.Commit(t.Context(), incomplete()))
	m.commit(t, p.b, m.draft().revision(del("x")).revision(put("x", "4")).revision(del("x")).revision(put("x", "5"), put("y", "2")))
	refused(p.a.Commit(t.Context(), incomplete()))
	m.commit(t, p.a, m.draft().revision(del("x")))
	m.commit(t, p.b, m.draft().revision(put("x", "6")))
	m.check(t, p.a)
}
