package history

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestDelta: a delta of two texts makes one of the other, whatever they are.
func TestDelta(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		text := func(n int) []byte {
			b := make([]byte, r.IntN(n))
			for i := range b {
				b[i] = "ab"[r.IntN(2)]
			}
			return b
		}
		prev := text(400)
		next := bytes.Clone(prev)
		for range r.IntN(4) {
			at := r.IntN(len(next) + 1)
			end := at + r.IntN(len(next)-at+1)
			next = append(append(bytes.Clone(next[:at]), text(40)...), next[end:]...)
		}
		got, err := patch(prev, delta(prev, next))
		if err != nil || !bytes.Equal(got, next) {
			t.Fatalf("seed %d: %q of %q: %q, %v", seed, next, prev, got, err)
		}
	}
	for _, d := range [][]byte{{2}, {0x80}, {3, 5}, {21, 0}} {
		if got, err := patch([]byte("x"), d); err == nil {
			t.Errorf("damaged delta %v made %q", d, got)
		}
	}
}

// TestRecordSize: a change of a status takes less than 15 % of the object.
func TestRecordSize(t *testing.T) {
	a := &Archive{}
	prev, next := object("0b9b8a52-8f2b-4a4e-a1a9-bd0a0f9c6f11", "weather", 3, "running"), object("0b9b8a52-8f2b-4a4e-a1a9-bd0a0f9c6f11", "weather", 3, "done")
	v := &Version{Resource: agents, Namespace: "default", Name: "weather", UID: "0b9b8a52-8f2b-4a4e-a1a9-bd0a0f9c6f11", Kind: "Agent",
		Revision: 12, Verb: "update", User: "system:serviceaccount:ark:controller", AuditID: "51c3b1a2-1d5b-4f6e-8f11-0d9a6c1f2b3e",
		Groups: []string{"system:serviceaccounts", "system:authenticated"}, UserAgent: "ark/v0.1.50 (linux/amd64)", Time: time.Now(), Object: next}
	rows, err := a.rows(found{v, &mvcc.KeyValue{Value: prev, ModRevision: 11}, 5}, 1)
	if err != nil {
		t.Fatal(err)
	}
	body := len(rows[0].Data)
	t.Logf("object %d bytes, row %d, with its indexes' data and keys %d", len(next), body, func() (n int) {
		for _, r := range rows {
			n += len(r.Key) + len(r.Data)
		}
		return n
	}())
	r, err := decode(rows[0].Data)
	if err != nil || r.Base != 11 || len(r.body)*100 >= 15*len(next) {
		t.Errorf("the delta takes %d bytes of %d: %v", len(r.body), len(next), err)
	}
}
