package history

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestTwoArchivers checks that if two replicas archive at the same time, each version is archived
// once.
func TestTwoArchivers(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	w := newWorld(t)
	w.open()
	other, err := Open(t.Context(), w.store, &Gate{}, Options{Select: selectAgents, Log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		for range 10 {
			w.write(r)
		}
		var both sync.WaitGroup
		for _, a := range []*Archive{w.archive, other} {
			both.Go(func() {
				if err := a.advance(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	w.check(r)
	w.archiveAll()
	w.once()
}

// once checks that no version is in two rows.
func (w *world) once() {
	w.t.Helper()
	stored := map[version]int{}
	if err := (&verifier{view: &view{Archive: w.archive}}).each(w.t.Context(), mvcc.SideSpan{Table: versionTable}, func(row *mvcc.SideRow) error {
		all, err := versionsOf(versionTable, row)
		for _, one := range all {
			stored[one]++
		}
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	for one, n := range stored {
		if n != 1 {
			w.t.Errorf("version %d of %s is in %d rows", one.revision, one.Name, n)
		}
	}
	if len(stored) < len(w.log)/2 {
		w.t.Errorf("%d versions are archived, of %d: the test shows little", len(stored), len(w.log))
	}
}

// TestTwoRemovers checks that a purge that begins while another replica removes versions waits for
// it, or continues without it once that replica no longer renews its turn; later changes of that
// replica are refused, and the purged versions do not reappear.
func TestTwoRemovers(t *testing.T) {
	w := newWorld(t)
	w.open()
	other, err := Open(t.Context(), w.store, &Gate{}, Options{Select: selectAgents, Log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for range 100 {
		w.write(r)
	}
	w.archiveAll()
	// The other replica has the turn, and does not continue.
	held, err := other.takeTurn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := w.archive.Purge(short, Target{User: "user1"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a purge while another replica removes: %v", err)
	}
	w.archive.turnPatience = time.Second
	if _, err := w.archive.Purge(t.Context(), Target{User: "user1"}); err != nil {
		t.Fatal(err)
	}
	row := mvcc.SideRow{Table: versionTable, Key: []byte("late")}
	if err := held.append(t.Context(), row); !errors.Is(err, mvcc.ErrSideChanged) {
		t.Errorf("the other one writes in a turn that it has lost: %v", err)
	}
	if _, _, err := held.delete(t.Context(), mvcc.SidePrefix(versionTable, nil), 10); !errors.Is(err, mvcc.ErrSideChanged) {
		t.Errorf("the other one deletes in a turn that it has lost: %v", err)
	}
	if left := w.list(Query{User: "user1"}); len(left) > 0 {
		t.Errorf("%d versions are left of the user", len(left))
	}
	// Both at once, repeatedly.
	for range 5 {
		for range 20 {
			w.write(r)
		}
		w.archiveAll()
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := other.Retain(t.Context(), Policy{Rules: []Rule{{Versions: 3}}}, time.Now().Add(time.Hour), false); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := w.archive.Purge(t.Context(), Target{User: "user2"}); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if left := w.list(Query{User: "user2"}); len(left) > 0 {
			t.Errorf("%d versions are left of the user", len(left))
		}
	}
}
