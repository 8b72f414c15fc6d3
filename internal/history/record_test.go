package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestDelta checks that a delta of any two texts builds one from the other.
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

// someVersions returns n versions of an agent, whose status changes.
func someVersions(n int) (all []*Version) {
	for i := range n {
		all = append(all, &Version{
			Resource: agents, Namespace: "default", Name: "weather", UID: "0b9b8a52-8f2b-4a4e-a1a9-bd0a0f9c6f11", Kind: "Agent",
			Revision: int64(12 + 3*i), CreateRevision: 12, Verb: "update", User: "system:serviceaccount:ark:controller", AuditID: fmt.Sprintf("51c3b1a2-1d5b-4f6e-8f11-%012d", rand.Int64N(1e12)),
			Groups: []string{"system:serviceaccounts", "system:authenticated"}, UserAgent: "ark/v0.1.50 (linux/amd64)", Time: time.UnixMilli(1764500000000 + int64(i)*40),
			Object: object("0b9b8a52-8f2b-4a4e-a1a9-bd0a0f9c6f11", "weather", 3, fmt.Sprint("phase ", i)),
		})
	}
	return all
}

// TestRow checks that a row decodes to the versions that were encoded, and that damaged rows are
// refused.
func TestRow(t *testing.T) {
	all := someVersions(5)
	all[1].Cause, all[1].Groups, all[1].User, all[2].Deleted, all[3].StatusOnly, all[4].Encrypted = "because", nil, "", true, true, true
	var records []record
	for i, v := range all {
		c := *v
		c.Object = nil
		records = append(records, record{Version: &c, body: v.Object})
		if i > 0 {
			records[i].reduce(all[i-1].Revision, all[i-1].Object)
		}
	}
	data, err := encodeRow(records)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRow(all[0].Ref(), data)
	if err != nil || !reflect.DeepEqual(got, records) {
		t.Errorf("got %+v, %v, want %+v", got, err, records)
	}
	for n := range len(data) {
		if got, err := decodeRow(all[0].Ref(), data[:n]); err == nil && len(got) == len(records) {
			t.Fatalf("%d bytes of %d are a row", n, len(data))
		}
	}
}

// TestIndex checks that an index decodes to the entries that were encoded.
func TestIndex(t *testing.T) {
	var want []entry
	for i := range 300 {
		want = append(want, entry{Ref{agents, "ns", fmt.Sprint("a", i%7)}, int64(100 + 2*i), int64(1e12 + i)})
	}
	data, err := encodeIndex(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeIndex(data); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := decodeIndex(data[:len(data)-9]); err == nil {
		t.Error("a part of an index is one")
	}
	t.Logf("%d bytes an entry", len(data)/len(want))
}

// TestRowSize checks that a change of a status takes less than 15 % of the object, including its
// metadata.
func TestRowSize(t *testing.T) {
	all := someVersions(2)
	// An object of the size of a Query with its answer.
	for i, v := range all {
		v.Object = bytes.Replace(v.Object, []byte(`"spec":{`), []byte(`"spec":{"input":"`+strings.Repeat("What is the weather in Paris? ", 60)+`",`), 1)
		all[i] = v
	}
	s := (&Archive{}).newStep(progress{From: 1, UpTo: all[0].Revision})
	prev := &mvcc.KeyValue{Value: all[0].Object, ModRevision: all[0].Revision}
	s.change(change{ref: all[0].Ref(), commit: &mvcc.Commit{Revision: all[1].Revision, Time: all[1].Time, Actor: mvcc.Actor{
		User: all[1].User, Verb: "update", AuditID: all[1].AuditID, UserAgent: all[1].UserAgent, Groups: strings.Join(all[1].Groups, ","),
	}}, event: mvcc.Event{KV: &mvcc.KeyValue{Value: all[1].Object, ModRevision: all[1].Revision, CreateRevision: 12, Version: 2}, Prev: prev}})
	rows, err := s.rows()
	if err != nil {
		t.Fatal(err)
	}
	size := map[string]int{}
	for _, r := range rows {
		size[r.Table] += len(r.Data) + len(r.Key)
	}
	t.Logf("object %d bytes, rows by table, with their keys: %v", len(all[1].Object), size)
	if size[versionTable]*100 >= 15*len(all[1].Object) {
		t.Errorf("a change of the status takes %d bytes of %d", size[versionTable], len(all[1].Object))
	}
}
