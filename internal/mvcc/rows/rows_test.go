package rows

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

func TestIDs(t *testing.T) {
	for _, tc := range []struct {
		revision int64
		position int
	}{{1, 0}, {2, 7}, {MaxRevision, positions - 1}} {
		id := ID(tc.revision, tc.position)
		if Revision(id) != tc.revision {
			t.Errorf("%+v: id %d is of revision %d", tc, id, Revision(id))
		}
		if first, end := Span(tc.revision-1, tc.revision); tc.revision < MaxRevision && (id < first || id >= end || end-first != positions) {
			t.Errorf("%+v: id %d is not from %d to below %d", tc, id, first, end)
		}
	}
	if id := ID(MaxRevision, positions-1); id != 1<<63-1 {
		t.Errorf("the greatest id is %d", id)
	}
	if got, want := InRevision("p.id", "l.prev"), "p.id >= (l.prev) << 20 AND p.id < ((l.prev) + 1) << 20"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMoveOn(t *testing.T) {
	for by, want := range map[int64]int64{1: 5, MaxRevision - 4: MaxRevision} {
		if got, err := MoveOn(4, by); err != nil || got != want {
			t.Errorf("by %d: %d, %v; want %d", by, got, err, want)
		}
	}
	for _, by := range []int64{0, -1, MaxRevision - 3, 1<<63 - 1} {
		if _, err := MoveOn(4, by); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("choose 1 to %d", MaxRevision-4)) {
			t.Errorf("by %d: %v", by, err)
		}
	}
}

// key makes the events of a life of its own.
type key struct {
	name    string
	created *mvcc.KeyValue // nil while it is not there
}

func (k *key) put(c *mvcc.Commit) {
	kv := &mvcc.KeyValue{Key: []byte(k.name), Value: []byte("v"), ModRevision: c.Revision, Version: 1, CreateRevision: c.Revision, CreatePosition: len(c.Events)}
	if k.created != nil {
		kv.Version, kv.CreateRevision, kv.CreatePosition = k.created.Version+1, k.created.CreateRevision, k.created.CreatePosition
	}
	c.Events = append(c.Events, mvcc.Event{KV: kv, Prev: k.created})
	k.created = kv
}

func (k *key) remove(c *mvcc.Commit) {
	c.Events = append(c.Events, mvcc.Event{Type: mvcc.EventDelete, KV: &mvcc.KeyValue{Key: []byte(k.name), ModRevision: c.Revision}, Prev: k.created})
	k.created = nil
}

// A row says of its key what the event said, and the same again once it has been read.
func TestRow(t *testing.T) {
	before := &mvcc.Commit{Revision: 4}
	k, other := key{name: "k"}, key{name: "other"}
	other.put(before)
	k.put(before)
	c := &mvcc.Commit{Revision: 5}
	k.put(c)
	k.remove(c)
	first, put, gone := Of(before, 1), Of(c, 0), Of(c, 1)
	if first.Prev != 0 || put.Prev != 4 || gone.Prev != 5 || put.Created != ID(4, 1) || gone.Created != ID(4, 1) || gone.Version != 0 {
		t.Errorf("%+v\n%+v\n%+v", first, put, gone)
	}
	for i, tc := range []struct {
		got  mvcc.Event
		want mvcc.Event
	}{
		{first.Event(nil), before.Events[1]},
		{first.Event(&Row{}), before.Events[1]},
		{put.Event(&first), c.Events[0]},
		{gone.Event(&put), c.Events[1]},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("event %d: %+v, want %+v", i, tc.got, tc.want)
		}
	}
}

// What a batch leaves is what its events leave one after the other.
func TestLeftBy(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		keys := make([]*key, 6)
		old := &mvcc.Commit{Revision: 3}
		for i := range keys {
			keys[i] = &key{name: fmt.Sprint("k", i)}
			if r.IntN(2) == 0 {
				keys[i].put(old)
			}
		}
		before := map[int64]int64{}
		apply := func(table map[int64]int64, c *mvcc.Commit) {
			for i, ev := range c.Events {
				if ev.Type == mvcc.EventPut {
					table[Created(ev.KV)] = ID(c.Revision, i)
				} else {
					delete(table, Created(ev.Prev))
				}
			}
		}
		apply(before, old)
		b := &mvcc.Batch{Base: mvcc.Position{Revision: 3}}
		want, got := map[int64]int64{}, map[int64]int64{}
		for created, id := range before {
			want[created], got[created] = id, id
		}
		for i := range 1 + r.IntN(4) {
			c := &mvcc.Commit{Revision: int64(4 + i)}
			for range 1 + r.IntN(5) {
				if k := keys[r.IntN(len(keys))]; k.created == nil || r.IntN(2) == 0 {
					k.put(c)
				} else {
					k.remove(c)
				}
			}
			apply(want, c)
			b.Commits = append(b.Commits, c)
		}
		left := LeftBy(b)
		for _, created := range left.Gone {
			if _, ok := got[created]; !ok {
				t.Fatalf("seed %d: %d goes, which is not there", seed, created)
			}
			delete(got, created)
		}
		for _, l := range left.Moved {
			if _, ok := got[l.Created]; !ok {
				t.Fatalf("seed %d: %+v moves, which is not there", seed, l)
			}
			got[l.Created] = l.Newest
		}
		for _, l := range left.Made {
			if _, ok := got[l.Created]; ok || !strings.HasPrefix(string(l.Key), "k") {
				t.Fatalf("seed %d: %+v is made, which is there", seed, l)
			}
			got[l.Created] = l.Newest
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
		ascending := func(l, m Live) int { return int(l.Created - m.Created) }
		if !slices.IsSorted(left.Gone) || !slices.IsSortedFunc(left.Moved, ascending) || !slices.IsSortedFunc(left.Made, ascending) {
			t.Fatalf("seed %d: not in order: %+v", seed, left)
		}
	}
}

func TestBounds(t *testing.T) {
	got, err := Bounds(100, 4, func(offset int) (int64, error) { return int64(offset) * 10, nil })
	if want := []int64{-1 << 63, 250, 500, 750, 1<<63 - 1}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestRecorded(t *testing.T) {
	w := Witnesses{Witnessed: 9, Unwitnessed: 5}
	for _, tc := range []struct {
		pruned, revision int64
		want             bool
	}{{9, 6, true}, {9, 5, false}, {10, 6, false}} {
		if got := w.Recorded(mvcc.Reading{Pruned: tc.pruned}, mvcc.Point{Revision: tc.revision}); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}
