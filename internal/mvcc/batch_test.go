package mvcc

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestOldReadsWithinABatch: a transaction that has written reads a revision from
// before its predecessors in the batch, which no tree was kept of.
func TestOldReadsWithinABatch(t *testing.T) {
	s := &sequencer{Store: &Store{opts: Options{Now: time.Now}, leases: newLeases()}}
	b := s.newBatch(&state{Position: Position{Revision: 4}})
	key := Span{Key: []byte("k")}

	first := b.execution()
	if _, err := first.txn(t.Context(), (&Txn{Then: []Op{&Put{Key: key.Key}}}).plan(b.tree.tree)); err != nil {
		t.Fatal(err)
	}
	b.add(first.events, Actor{})

	second := b.execution()
	res, err := second.txn(t.Context(), (&Txn{Then: []Op{
		&Delete{Span: key},
		&Range{Span: key, Revision: 4},
		&Range{Span: key, Revision: 5},
		&Range{Span: key},
	}}).plan(b.tree.tree))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]int{1: 0, 2: 1, 3: 0} {
		if got := len(res.Results[i].(*RangeResult).KVs); got != want {
			t.Errorf("read %d found %d keys, want %d", i, got, want)
		}
	}
}

// deadEngine is a database that has gone away; nothing but State is asked of it.
type deadEngine struct{ Engine }

func (deadEngine) State(context.Context) (State, error) { return State{}, errors.New("gone") }

// TestExpiryRestsAfterAFailure: while a commit is in doubt a lease that is due
// does not keep the sequencer spinning.
func TestExpiryRestsAfterAFailure(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	s := &sequencer{Store: &Store{opts: Options{Now: func() time.Time { return now }}, leases: newLeases(), engine: deadEngine{}}}
	s.state.Store(&state{Position: Position{Revision: 1}})
	s.leases.set(Lease{ID: 1, TTL: 1, Deadline: now})
	s.doubt = s.newBatch(s.state.Load())
	if s.idle() != 0 {
		t.Fatalf("a lease is due, but the sequencer would wait %s", s.idle())
	}
	s.expireLeases(t.Context())
	if got := s.idle(); got != leasePause {
		t.Errorf("waits %s after a failure, want %s", got, leasePause)
	}
}
