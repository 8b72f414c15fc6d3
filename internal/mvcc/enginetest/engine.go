package enginetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Run tests an mvcc.Engine. open opens one on a new, empty database; the suite
// closes it.
func Run(t *testing.T, open func(*testing.T) mvcc.Engine) {
	for name, test := range map[string]func(*testing.T, mvcc.Engine){
		"Empty":         testEmpty,
		"Authors":       testAuthors,
		"ExactBytes":    testExactBytes,
		"Revisions":     testRevisions,
		"EventsInParts": testEventsInParts,
		"ManyEvents":    testManyEvents,
		"LargeBatch":    testLargeBatch,
		"Leases":        testLeases,
		"Compaction":    testCompaction,
		"Prune":         testPrune,
		"LoadStops":     testLoadStops,
		"Random":        testRandom,
		"Pools":         testPools,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			test(t, e)
		})
	}
}

func testEmpty(t *testing.T, e mvcc.Engine) {
	m := newModel()
	m.check(t, e)
	for _, span := range [][2]int64{{0, 1}, {1, 1}, {1, 100}, {5, 3}} {
		done, err := e.Events(t.Context(), span[0], span[1], 1<<20, func(c *mvcc.Commit) error {
			return fmt.Errorf("revision %d", c.Revision)
		})
		if err != nil || done != span[0] {
			t.Errorf("events %v of an empty log: %d, %v", span, done, err)
		}
	}
	if size, err := e.Size(t.Context()); err != nil || size.Total <= 0 {
		t.Errorf("size %+v, %v", size, err)
	}
}

// testPools: an engine tells of its connections, also while it uses them.
func testPools(t *testing.T, e mvcc.Engine) {
	p, ok := e.(mvcc.Pooled)
	if !ok {
		t.Fatal("the engine does not tell of its connections")
	}
	m := newModel()
	m.commit(t, e, m.draft().revision(put("a", "1")))
	during := 0
	if _, err := e.Load(t.Context(), func(*mvcc.KeyValue) error {
		for _, pool := range p.Pools() {
			during = max(during, pool.InUse)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if during == 0 {
		t.Error("no connection was in use while the keys were read")
	}
	names, open := map[string]bool{}, 0
	for _, pool := range p.Pools() {
		if names[pool.Name] || pool.Name == "" {
			t.Errorf("two pools are called %q", pool.Name)
		}
		names[pool.Name] = true
		open += pool.Open
		if pool.Max < 1 || pool.Open > pool.Max || pool.InUse+pool.Idle > pool.Open || pool.Waits < 0 || pool.Opened == 0 && pool.Open > 0 {
			t.Errorf("%+v", pool)
		}
	}
	if open == 0 {
		t.Error("no connection is open")
	}
}

// testExactBytes: keys and values come back as they were put, and keys that a
// collation would take for the same are different.
func testExactBytes(t *testing.T, e mvcc.Engine) {
	m := newModel()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	d := m.draft()
	for _, s := range []string{
		"a", "A", "ä", "a\u0308", "a ", " a", "a\x00", "\x00", "\x00\x00", "\xff", "\xff\xfe", "\xc3\x28", "ß", "ss", "日本", "\\x41", `\000`, "'", "%", "é", "e\u0301", "i", "İ", "ı",
		string(all), strings.Repeat("k", 3000), strings.Repeat("k", 2999) + "l",
	} {
		d.revision(put(s, s))
	}
	d.revision(put("empty", ""))
	big := make([]byte, 1<<20)
	for i := range big {
		big[i] = byte(rand.Uint32())
	}
	d.revision(put("big", string(big)))
	d.revision(put("json", `{"a":"\u0000","b": 1.0}`+strings.Repeat(" ", 5000)))
	m.commit(t, e, d)
	m.check(t, e)
	// And again as previous values.
	d = m.draft()
	for key := range m.live {
		d.revision(put(key, "new"))
	}
	m.commit(t, e, d)
	m.check(t, e)
}

// testRevisions: all that one batch can do to one key.
func testRevisions(t *testing.T, e mvcc.Engine) {
	m := newModel()
	m.commit(t, e, m.draft().
		revision(put("a", "1")).
		revision(put("a", "2"), put("b", "1"), put("c", "1")).
		revision(del("a")).
		revision(put("a", "3")).
		revision(put("d", "1")).
		revision(del("d")))
	m.check(t, e)
	m.commit(t, e, m.draft().
		revision(del("a"), del("b")).
		revision(put("b", "2"), put("a", "4")).
		revision(del("c")).
		revision(put("c", "5")).
		revision(put("c", "6")).
		revision(del("c")))
	m.check(t, e)
	// A lease is kept with each version.
	lease := change{key: []byte("l"), value: []byte("v"), lease: 77}
	m.commit(t, e, m.draft().revision(lease))
	m.commit(t, e, m.draft().revision(put("l", "w")))
	m.check(t, e)
}

func testEventsInParts(t *testing.T, e mvcc.Engine) {
	m := newModel()
	value := strings.Repeat("v", 1000)
	for i := range 10 {
		d := m.draft()
		for j := range 30 {
			d.revision(put(fmt.Sprint("a", j), value), put(fmt.Sprint("b", i), value), put(fmt.Sprint("c", i, j), value))
		}
		m.commit(t, e, d)
	}
	m.checkEvents(t, e, 1, 1)
	m.checkEvents(t, e, 100, 101)
	m.checkEvents(t, e, 17, 203)
	m.checkEvents(t, e, 300, 999)
	for _, size := range []int{0, 1, 3000, 50_000, 1 << 20} {
		after, calls := int64(1), 0
		var got []*mvcc.Commit
		for after < m.pos.Revision {
			n := len(got)
			done, err := e.Events(t.Context(), after, m.pos.Revision, size, func(c *mvcc.Commit) error {
				got = append(got, c)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == n || got[len(got)-1].Revision != done {
				t.Fatalf("after %d of %d bytes: %d revisions, up to %d", after, size, len(got)-n, done)
			}
			// One revision is about 6,000 bytes with what it replaces.
			if most := size/3000 + 3; len(got)-n > most {
				t.Fatalf("%d bytes: %d revisions at once, want about %d", size, len(got)-n, most)
			}
			after = done
			calls++
		}
		sameCommits(t, got, m.log)
		if size == 1 && calls != 300 {
			t.Errorf("%d calls for one revision each, want 300", calls)
		}
	}
	stop := errors.New("enough")
	done, err := e.Events(t.Context(), 1, m.pos.Revision, 1<<20, func(c *mvcc.Commit) error {
		if c.Revision == 7 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || done != 6 {
		t.Errorf("%d, %v; want 6 and the receiver's error", done, err)
	}
	m.checkEvents(t, e, 1, m.pos.Revision)
}

// testManyEvents: a revision larger than any page or part.
func testManyEvents(t *testing.T, e mvcc.Engine) {
	m := newModel()
	const keys = 5000
	d := m.draft()
	var creates, deletes []change
	for i := range keys {
		creates = append(creates, put(fmt.Sprintf("k%05d", i), fmt.Sprint(i)))
		if i%2 == 0 {
			deletes = append(deletes, del(fmt.Sprintf("k%05d", i)))
		}
	}
	m.commit(t, e, d.revision(creates...).revision(put("other", "x")))
	m.check(t, e)
	m.commit(t, e, m.draft().revision(deletes[:200]...))
	m.check(t, e)
	got := 0
	done, err := e.Events(t.Context(), 1, 2, 1, func(c *mvcc.Commit) error { got = len(c.Events); return nil })
	if err != nil || done != 2 || got != keys {
		t.Errorf("%d events up to %d, %v", got, done, err)
	}
}

// testLargeBatch: as much as a busy store hands over at once.
func testLargeBatch(t *testing.T, e mvcc.Engine) {
	m := newModel()
	d := m.draft()
	for i := range 1024 {
		d.revision(put(fmt.Sprint("k", i%700), strings.Repeat(fmt.Sprint(i), 2000)))
	}
	m.commit(t, e, d)
	m.check(t, e)
}

func testLeases(t *testing.T, e mvcc.Engine) {
	m := newModel()
	at := time.Date(2031, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	m.commit(t, e, m.draft().
		grant(mvcc.Lease{ID: 7, TTL: 60, Deadline: at}).
		grant(mvcc.Lease{ID: 1<<63 - 1, TTL: mvcc.MaxLeaseTTL, Deadline: time.UnixMilli(mvcc.MaxLeaseTTL * 1000)}).
		grant(mvcc.Lease{ID: 8, TTL: 1, Deadline: at}))
	m.check(t, e)
	m.commit(t, e, m.draft().grant(mvcc.Lease{ID: 7, TTL: 60, Deadline: at.Add(time.Hour)}).revoke(8).revoke(9))
	m.check(t, e)
	// One that ends and is granted again in the same batch has another TTL.
	m.commit(t, e, m.draft().grant(mvcc.Lease{ID: 7, TTL: 30, Deadline: at.Add(time.Minute)}))
	m.check(t, e)
	// A lease may come back, and go together with its keys.
	m.commit(t, e, m.draft().grant(mvcc.Lease{ID: 8, TTL: 5, Deadline: at}).
		revision(change{key: []byte("k"), value: []byte("v"), lease: 8}))
	m.check(t, e)
	m.commit(t, e, m.draft().revision(del("k")).revoke(8))
	m.check(t, e)
}

func testCompaction(t *testing.T, e mvcc.Engine) {
	m := newModel()
	m.commit(t, e, m.draft().revision(put("a", "1")).revision(put("a", "2")).revision(put("b", "1")))
	m.commit(t, e, m.draft().compact(3))
	m.check(t, e)
	m.commit(t, e, m.draft().revision(del("b")).compact(5))
	m.check(t, e)
}

// testPrune: rows go, but none that a read at or above the compacted revision
// needs; not even the revision is forgotten when the newest rows go.
func testPrune(t *testing.T, e mvcc.Engine) {
	m := newModel()
	for i := range 50 {
		d := m.draft().revision(put("a", fmt.Sprint(i)), put(fmt.Sprint("b", i), "x"))
		if i > 0 {
			d.revision(del(fmt.Sprint("b", i-1)), put("c", fmt.Sprint(i)))
		}
		m.commit(t, e, d)
	}
	count := func(after, last int64) int {
		n := 0
		if _, err := e.Events(t.Context(), after, last, 1<<30, func(c *mvcc.Commit) error { n += len(c.Events); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	gone := 0
	prune := func(from, to int64) {
		t.Helper()
		n, err := e.Prune(t.Context(), from, to)
		if err != nil {
			t.Fatalf("prune: %v", err)
		}
		gone += int(n)
		if st, err := e.State(t.Context()); err != nil || st.Pruned != to {
			t.Fatalf("pruned %d, %v; want %d", st.Pruned, err, to)
		}
	}
	before := count(1, 60)
	m.commit(t, e, m.draft().compact(60))
	prune(0, 30)
	m.check(t, e)
	prune(30, 60)
	m.check(t, e)
	if left := count(1, 60); left >= before/2 || left != before-gone {
		t.Errorf("%d of %d rows are left, after %d were deleted", left, before, gone)
	}
	var all []change
	for key := range m.live {
		all = append(all, del(key))
	}
	m.commit(t, e, m.draft().revision(all...))
	m.commit(t, e, m.draft().compact(m.pos.Revision))
	prune(60, m.pos.Revision)
	m.check(t, e)
	if left := count(0, m.pos.Revision); left != 0 {
		t.Errorf("%d rows are left of a store without keys", left)
	}
	m.commit(t, e, m.draft().revision(put("a", "again")))
	m.check(t, e)
}

func testLoadStops(t *testing.T, e mvcc.Engine) {
	m := newModel()
	d := m.draft()
	for i := range 1000 {
		d.revision(put(fmt.Sprint(i), "v"))
	}
	m.commit(t, e, d)
	stop := errors.New("enough")
	if _, err := e.Load(t.Context(), func(*mvcc.KeyValue) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the receiver's error", err)
	}
	m.check(t, e)
}

// testRandom: a thousand revisions of everything mixed.
func testRandom(t *testing.T, e mvcc.Engine) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	m := newModel()
	pruned := int64(0)
	for range 60 {
		d := m.draft()
		for range rnd.IntN(30) {
			var changes []change
			used := map[string]bool{}
			for range 1 + rnd.IntN(4) {
				key := fmt.Sprint("k", rnd.IntN(40))
				if used[key] {
					continue
				}
				used[key] = true
				if d.live[key] != nil && rnd.IntN(3) == 0 {
					changes = append(changes, del(key))
				} else {
					changes = append(changes, put(key, strings.Repeat("v", rnd.IntN(200))))
				}
			}
			d.revision(changes...)
		}
		if id := mvcc.LeaseID(rnd.IntN(5) + 1); rnd.IntN(3) == 0 {
			d.grant(mvcc.Lease{ID: id, TTL: 9, Deadline: time.UnixMilli(rnd.Int64N(1 << 40))})
		} else if rnd.IntN(3) == 0 {
			d.revoke(id)
		}
		if rnd.IntN(10) == 0 && m.pos.Revision > m.compacted {
			d.compact(m.compacted + 1 + rnd.Int64N(m.pos.Revision-m.compacted))
		}
		m.commit(t, e, d)
		if rnd.IntN(5) == 0 && pruned < m.compacted {
			to := pruned + 1 + rnd.Int64N(m.compacted-pruned)
			if _, err := e.Prune(t.Context(), pruned, to); err != nil {
				t.Fatal(err)
			}
			pruned = to
		}
		m.check(t, e)
		if t.Failed() {
			return
		}
	}
}
