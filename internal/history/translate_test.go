package history

import (
	"bytes"
	"slices"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestTranslated checks that values that are stored in another form are in the history as JSON,
// also across steps; values that cannot be decoded have no object.
func TestTranslated(t *testing.T) {
	w := newWorld(t)
	w.json = func(_ Ref, value []byte) []byte {
		text, ok := bytes.CutPrefix(value, []byte("other:"))
		if !ok {
			return nil
		}
		return text
	}
	w.open()
	key := []byte("/registry/ark.mckinsey.com/agents/ns/a")
	var want [][]byte
	for i := range 9 {
		one := object("uid", "a", i+1, "")
		op := mvcc.Op(&mvcc.Put{Key: key, Value: slices.Concat([]byte("other:"), one)})
		switch i {
		case 5:
			op, one = &mvcc.Put{Key: key, Value: []byte("sealed")}, nil
		case 8:
			op, one = &mvcc.Delete{Span: mvcc.Span{Key: key}}, want[7]
		}
		want = append(want, one)
		if _, err := w.store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{op}}, mvcc.Actor{}); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			w.archiveAll()
		}
	}
	w.archiveAll()
	got := w.list(Query{Objects: true, OldestFirst: true})
	if len(got) != len(want) {
		t.Fatalf("%d versions, want %d", len(got), len(want))
	}
	for i, v := range got {
		if !bytes.Equal(v.Object, want[i]) || v.Encrypted != (want[i] == nil) {
			t.Errorf("version %d: %s, encrypted %t, want %s", i, v.Object, v.Encrypted, want[i])
		}
	}
}
