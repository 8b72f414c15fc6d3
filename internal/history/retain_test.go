package history

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestRetain checks that a pass removes what its dry run reports, leaves the rest unchanged, and
// gives up older lists.
func TestRetain(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	w := newWorld(t)
	w.open()
	for range 250 {
		w.write(r)
	}
	w.archiveAll()
	policy := Policy{Rules: []Rule{{Namespaces: []string{"ns0"}, Versions: 3}, {StatusOnly: true, Drop: true}}}
	now := time.Now().Add(time.Minute)
	before := w.list(Query{Objects: true, OldestFirst: true})
	told, err := w.archive.Retain(t.Context(), policy, now, true)
	if err != nil || len(w.list(Query{})) != len(before) {
		t.Fatalf("a dry run removed something: %v", err)
	}
	did, err := w.archive.Retain(t.Context(), policy, now, false)
	if err != nil || !reflect.DeepEqual(told, did) {
		t.Fatalf("told %+v, did %+v, %v", told, did, err)
	}
	byObject := map[Ref][]*Version{}
	for _, v := range before {
		byObject[v.Ref()] = append(byObject[v.Ref()], v)
	}
	var gone []*Version
	for _, all := range byObject {
		gone = append(gone, policy.drop(all, now)...)
	}
	want := slices.DeleteFunc(before, func(v *Version) bool { return slices.Contains(gone, v) })
	if got := w.list(Query{Objects: true, OldestFirst: true}); len(gone) < 50 || !slices.EqualFunc(got, want, same) {
		t.Fatalf("%d versions are left, want %d", len(got), len(want))
	}
	// The reported sizes are those of the rows.
	rows, err := w.archive.side.Page(t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideSpan{Table: versionTable}, MaxBytes: mvcc.MaxSideData})
	if err != nil || rows.More {
		t.Fatalf("more than one page: %v", err)
	}
	stored := Stored{Rows: int64(len(rows.Rows)), Versions: int64(len(want))}
	for i := range rows.Rows {
		stored.Bytes += int64(len(rows.Rows[i].Key) + len(rows.Rows[i].Data))
	}
	if got := w.archive.Stored(); len(got) != 1 || got[agents] != stored {
		t.Errorf("stored: %+v, want %+v", got, stored)
	}
	for _, ns := range []string{"ns0"} {
		for _, name := range []string{"a0", "a1", "a2"} {
			if got := w.list(Query{Resource: agents, Namespace: ns, Name: name}); len(got) > 3 {
				t.Errorf("%s has %d versions, want 3", name, len(got))
			}
		}
	}
	if again, err := w.archive.Retain(t.Context(), policy, now, true); err != nil || len(again.Removed) > 0 {
		t.Errorf("a second pass would remove %+v, %v", again, err)
	}
}

// TestPurge checks that no table has anything of a purged user or object, and that the rest is
// unchanged.
func TestPurge(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	w := newWorld(t)
	w.open()
	for range 200 {
		w.write(r)
	}
	w.archiveAll()
	uid := w.log[0].UID
	before := w.list(Query{Objects: true})
	receipt, err := w.archive.Purge(t.Context(), Target{UID: uid, User: "user1"})
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(slices.Clone(before), func(v *Version) bool { return v.UID == uid || v.User == "user1" })
	if got := w.list(Query{Objects: true}); !slices.EqualFunc(got, want, same) {
		t.Errorf("%d versions are left, want %d", len(got), len(want))
	}
	if got := receipt.Removed[agents.String()]; got != len(before)-len(want) || got == 0 {
		t.Errorf("the receipt says %d, want %d", got, len(before)-len(want))
	}
	for _, q := range []Query{{UID: uid}, {User: "user1"}} {
		if got := w.list(q); len(got) > 0 {
			t.Errorf("%+v finds %d versions", q, len(got))
		}
	}
}
