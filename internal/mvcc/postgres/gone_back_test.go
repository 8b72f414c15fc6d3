package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestGoneBack: a replica that has published what the database has lost neither reads nor writes,
// also once other replicas have led the database past the revisions that were lost.
func TestGoneBack(t *testing.T) {
	cfg := shared.Database(t)
	store := func() *mvcc.Store {
		t.Helper()
		s, err := mvcc.Open(t.Context(), open(t, cfg), mvcc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	put := func(s *mvcc.Store, key string) error {
		_, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: []byte("v")}}}, mvcc.Actor{})
		return err
	}
	one := store()
	for i := range 10 {
		if err := put(one, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	const lost = 5
	first := one.Revision() - lost + 1
	execute(t, cfg, fmt.Sprintf("DELETE FROM ark_log WHERE id >= %d; DELETE FROM ark_state WHERE id >= %d", first*positions, first*positions))
	refused := func(err error) {
		t.Helper()
		if !errors.Is(err, mvcc.ErrUnavailable) || !strings.Contains(err.Error(), "the database has gone back from revision") {
			t.Fatalf("got %v", err)
		}
	}
	_, err := one.Current(t.Context())
	refused(err)
	refused(put(one, "x"))

	other := store()
	for i := range 3 * lost {
		if err := put(other, fmt.Sprint("other", i)); err != nil {
			t.Fatal(err)
		}
	}
	if other.Revision() <= one.Revision() {
		t.Fatal("the other replica has not gone past the first")
	}
	_, err = one.Current(t.Context())
	refused(err)
	refused(put(one, "y"))
}
