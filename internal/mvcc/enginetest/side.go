package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
)

// Side tests the side tables of an engine, through a Store. open makes a new, empty database and returns
// what opens an engine on it: of a Shared there are two at a time, of any other one.
func Side(t *testing.T, open func(*testing.T) func() mvcc.Engine) {
	for name, test := range map[string]func(*testing.T, *sides){
		"ExactBytes":  testSideBytes,
		"Ids":         testSideIDs,
		"Pages":       testSidePages,
		"Concurrent":  testSideConcurrent,
		"DeleteByAge": testSideDeleteByAge,
		"Delete":      testSideDelete,
		"LargeRows":   testSideLargeRows,
		"BadInput":    testSideBadInput,
		"Contexts":    testSideContexts,
		"Close":       testSideClose,
		"Random":      testSideRandom,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &sides{t: t, engine: open(t)}
			s.start()
			t.Cleanup(s.close)
			test(t, s)
		})
	}
}

// sides are the stores on one database. a and b are the same where only one may have it open.
type sides struct {
	t      *testing.T
	engine func() mvcc.Engine
	a, b   *mvcc.Store
}

func (s *sides) start() {
	s.t.Helper()
	e := s.engine()
	s.a = s.store(e)
	s.b = s.a
	if _, ok := e.(mvcc.Shared); ok {
		s.b = s.store(s.engine())
	}
}

func (s *sides) store(e mvcc.Engine) *mvcc.Store {
	s.t.Helper()
	store, err := mvcc.Open(s.t.Context(), e, mvcc.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

func (s *sides) close() {
	if err := errors.Join(s.a.Close(), s.b.Close()); err != nil {
		s.t.Errorf("close: %v", err)
	}
}

// side is one of the stores' side tables, by turns.
func (s *sides) side(i int) mvcc.SideTables {
	if i%2 == 0 {
		return s.a.Side()
	}
	return s.b.Side()
}

var sideTime = time.UnixMilli(1_800_000_000_000)

func sideRow(table, key, data string, at time.Time) mvcc.SideRow {
	return mvcc.SideRow{Table: table, Key: []byte(key), Data: []byte(data), Time: at}
}

// sideAppend appends rows, and returns them with their ids.
func sideAppend(t *testing.T, s mvcc.SideTables, rows ...mvcc.SideRow) []mvcc.SideRow {
	t.Helper()
	ids, err := s.Append(t.Context(), rows...)
	if err != nil || len(ids) != len(rows) {
		t.Fatalf("append: %d ids, %v", len(ids), err)
	}
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].ID = ids[i]
	}
	return rows
}

// sideAll reads a query to its end, page by page.
func sideAll(t *testing.T, s mvcc.SideTables, q mvcc.SideQuery) []mvcc.SideRow {
	t.Helper()
	var all []mvcc.SideRow
	for {
		page, err := s.Page(t.Context(), q)
		if err != nil {
			t.Fatalf("page %+v: %v", q, err)
		}
		if q.Limit > 0 && len(page.Rows) > q.Limit || page.More && len(page.Rows) == 0 {
			t.Fatalf("page %+v: %d rows, more %t", q, len(page.Rows), page.More)
		}
		size := 0
		for _, r := range page.Rows[:max(len(page.Rows)-1, 0)] {
			size += len(r.Key) + len(r.Data)
		}
		if q.MaxBytes > 0 && size >= q.MaxBytes {
			t.Fatalf("page %+v: %d bytes before the last row", q, size)
		}
		all = append(all, page.Rows...)
		if !page.More {
			return all
		}
		q.After = all[len(all)-1].Cursor()
	}
}

func sameSide(t *testing.T, what string, got, want []mvcc.SideRow) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.Table != w.Table || !bytes.Equal(g.Key, w.Key) || g.ID != w.ID || !g.Time.Equal(w.Time) || !bytes.Equal(g.Data, w.Data) {
			t.Fatalf("%s: row %d is %s %q %d at %v, %d bytes; want %s %q %d at %v, %d bytes", what, i,
				g.Table, g.Key, g.ID, g.Time, len(g.Data), w.Table, w.Key, w.ID, w.Time, len(w.Data))
		}
	}
}

// testSideBytes: keys and data come back as they were given, and keys that a collation would take for the
// same are different.
func testSideBytes(t *testing.T, s *sides) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var rows []mvcc.SideRow
	for _, k := range []string{
		"", "a", "A", "ä", "a\u0308", "a ", " a", "a\x00", "\x00", "\x00\x00", "\xff", "\xff\xfe", "\xc3\x28", "ß", "ss", "\\x41", `\000`, "'", "%",
		string(all), strings.Repeat("k", mvcc.MaxSideKey), strings.Repeat("\xff", mvcc.MaxSideKey), "ns\x00name",
	} {
		rows = append(rows, sideRow("bytes", k, k, sideTime))
	}
	rows = append(rows, sideRow("other", "a", "", sideTime.Add(-1_800_000_000*time.Second)))
	rows = sideAppend(t, s.a.Side(), rows...)
	for _, r := range rows {
		sameSide(t, fmt.Sprintf("key %q", r.Key), sideAll(t, s.b.Side(), mvcc.SideQuery{SideSpan: mvcc.SideKey(r.Table, r.Key)}), []mvcc.SideRow{r})
	}
	want := slices.Clone(rows[:len(rows)-1])
	slices.SortFunc(want, func(a, b mvcc.SideRow) int { return bytes.Compare(a.Key, b.Key) })
	sameSide(t, "the table", sideAll(t, s.b.Side(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("bytes", nil)}), want)
	// A time in milliseconds, and that of the call where none is given.
	before := time.Now().Add(-time.Minute)
	odd := sideAppend(t, s.a.Side(), sideRow("time", "k", "", sideTime.Add(1234567*time.Nanosecond)), sideRow("time", "k", "", time.Time{}))
	got := sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("time", nil)})
	if len(got) != len(odd) || !got[0].Time.Equal(sideTime.Add(time.Millisecond)) || got[1].Time.Before(before) || got[1].Time.After(before.Add(2*time.Minute)) {
		t.Errorf("%+v", got)
	}
	if size, err := s.a.Size(t.Context()); err != nil || size.Side <= 0 || size.Total < size.Side {
		t.Errorf("size %+v, %v", size, err)
	}
}

// testSideIDs: ids grow with each row, whoever appends, and none is assigned again after its row has gone.
func testSideIDs(t *testing.T, s *sides) {
	last := int64(0)
	for i := range 30 {
		for _, r := range sideAppend(t, s.side(i), sideRow("ids", "k", "1", sideTime), sideRow("ids", "k", "2", sideTime)) {
			if r.ID <= last {
				t.Fatalf("id %d after %d", r.ID, last)
			}
			last = r.ID
		}
		if i%3 == 0 {
			if n, more, err := s.side(i+1).Delete(t.Context(), mvcc.SideKey("ids", []byte("k")), time.Time{}, mvcc.MaxSideRows); err != nil || n == 0 || more {
				t.Fatalf("%d deleted, more %t, %v", n, more, err)
			}
		}
	}
	if ids, err := s.a.Side().Append(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("no row: %v, %v", ids, err)
	}
}

// testSidePages: pages forward and backward, across keys, of any size.
func testSidePages(t *testing.T, s *sides) {
	var all []mvcc.SideRow
	for i := range 60 {
		all = append(all, sideAppend(t, s.side(i), sideRow("pages", fmt.Sprintf("n%d\x00c%d", i%3, i%7), strings.Repeat("d", i*10), sideTime),
			sideRow("pages", fmt.Sprintf("n%d", i%2), "", sideTime), sideRow("pagesx", "n0", "another table", sideTime))...)
	}
	in := func(span mvcc.SideSpan) []mvcc.SideRow {
		m := sideModel{rows: all}
		return m.in(span)
	}
	for _, span := range []mvcc.SideSpan{
		mvcc.SidePrefix("pages", nil), mvcc.SidePrefix("pages", []byte("n1")), mvcc.SidePrefix("pages", []byte("n1\x00")), mvcc.SideKey("pages", []byte("n1")),
		mvcc.SideKey("pages", []byte("n2\x00c3")), {Table: "pages", From: []byte("n0\x00c5"), To: []byte("n2\x00c2")}, mvcc.SidePrefix("pages", []byte("o")),
		mvcc.SidePrefix("pages", []byte("\xff\xff")), mvcc.SidePrefix("none", nil), {Table: "pages", From: []byte("n1"), To: []byte("n0")},
	} {
		want := in(span)
		if n, err := s.b.Side().Count(t.Context(), span); err != nil || n != int64(len(want)) {
			t.Fatalf("%q: count %d, %v; want %d", span, n, err, len(want))
		}
		back := slices.Clone(want)
		slices.Reverse(back)
		for _, size := range []struct{ limit, bytes int }{{0, 0}, {1, 0}, {7, 0}, {0, 1}, {0, 700}, {5, 900}, {1000, mvcc.MaxSideData}} {
			q := mvcc.SideQuery{SideSpan: span, Limit: size.limit, MaxBytes: size.bytes}
			sameSide(t, fmt.Sprintf("%q, %+v", span, size), sideAll(t, s.a.Side(), q), want)
			q.Backward = true
			sameSide(t, fmt.Sprintf("%q, %+v backward", span, size), sideAll(t, s.b.Side(), q), back)
		}
	}
	// Cursors at any place, in and around the span.
	span := mvcc.SideSpan{Table: "pages", From: []byte("n1"), To: []byte("n2")}
	for _, r := range append(in(mvcc.SidePrefix("pages", nil)), mvcc.SideRow{}, mvcc.SideRow{Key: []byte("zzz"), ID: 1 << 62}, mvcc.SideRow{Key: []byte("n1\x00c9")}) {
		var after, before []mvcc.SideRow
		for _, x := range in(span) {
			c := bytes.Compare(x.Key, r.Key)
			switch {
			case c > 0 || c == 0 && x.ID > r.ID:
				after = append(after, x)
			case c < 0 || c == 0 && x.ID < r.ID:
				before = append([]mvcc.SideRow{x}, before...)
			}
		}
		sameSide(t, fmt.Sprintf("after %q %d", r.Key, r.ID), sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: span, After: r.Cursor()}), after)
		sameSide(t, fmt.Sprintf("before %q %d", r.Key, r.ID), sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: span, After: r.Cursor(), Backward: true}), before)
	}
}

// testSideConcurrent: while writers on all replicas append to one key, readers that page forward see every row
// once, in the order of ids.
func testSideConcurrent(t *testing.T, s *sides) {
	const writers, each = 8, 40
	key := []byte("ns\x00conversation")
	var mu sync.Mutex
	data := map[int64]string{} // what was acknowledged
	g, ctx := errgroup.WithContext(t.Context())
	for w := range writers {
		g.Go(func() error {
			for i := range each {
				rows := []mvcc.SideRow{{Table: "messages", Key: key, Data: fmt.Appendf(nil, "%d %d 0", w, i)}, {Table: "messages", Key: key, Data: fmt.Appendf(nil, "%d %d 1", w, i)}}
				ids, err := s.side(w).Append(ctx, rows...)
				if err != nil {
					return err
				}
				mu.Lock()
				for j, id := range ids {
					data[id] = string(rows[j].Data)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	seen := make([]map[int64]string, 4)
	for p := range seen {
		seen[p] = map[int64]string{}
		g.Go(func() error {
			q := mvcc.SideQuery{SideSpan: mvcc.SideKey("messages", key), Limit: 1 + p*20}
			for len(seen[p]) < writers*each*2 {
				page, err := s.side(p).Page(ctx, q)
				if err != nil {
					return err
				}
				for _, r := range page.Rows {
					if q.After != nil && r.ID <= q.After.ID {
						return fmt.Errorf("id %d after %d", r.ID, q.After.ID)
					}
					q.After, seen[p][r.ID] = r.Cursor(), string(r.Data)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for p := range seen {
		for id, d := range data {
			if seen[p][id] != d {
				t.Fatalf("reader %d saw %q with id %d, and %q was appended", p, seen[p][id], id, d)
			}
		}
	}
	// Each writer's rows are in its order, and those of one call beside each other.
	last := map[string]string{}
	rows := sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: mvcc.SideKey("messages", key)})
	for i, r := range rows {
		var w, n, part int
		if _, err := fmt.Sscanf(string(r.Data), "%d %d %d", &w, &n, &part); err != nil {
			t.Fatal(err)
		}
		name, at := fmt.Sprint(w), fmt.Sprintf("%04d.%d", n, part)
		if at <= last[name] {
			t.Fatalf("%s of writer %d follows %s", at, w, last[name])
		}
		last[name] = at
		if part == 1 && (i == 0 || string(rows[i-1].Data) != fmt.Sprintf("%d %d 0", w, n)) {
			t.Fatalf("%s is torn from the other row of its call", r.Data)
		}
	}
}

// deleteAll deletes in steps, and returns the rows deleted and the steps that it took.
func deleteAll(ctx context.Context, s mvcc.SideTables, span mvcc.SideSpan, before time.Time, most int) (deleted, steps int, err error) {
	for more := true; more && err == nil; steps++ {
		var n int
		n, more, err = s.Delete(ctx, span, before, most)
		if n > most {
			return deleted, steps, fmt.Errorf("%d rows deleted at once, asked for %d", n, most)
		}
		deleted += n
	}
	return deleted, steps, err
}

// testSideDeleteByAge: the oldest rows of a whole table go first.
func testSideDeleteByAge(t *testing.T, s *sides) {
	var rows []mvcc.SideRow
	for i := range 100 {
		// The time does not grow with the ids.
		rows = append(rows, sideAppend(t, s.side(i), sideRow("ages", fmt.Sprint("k", i%5), "", sideTime.Add(time.Duration(i*37%100)*time.Second)), sideRow("young", "k", "", sideTime))...)
	}
	limit := sideTime.Add(60 * time.Second)
	n, more, err := s.b.Side().Delete(t.Context(), mvcc.SidePrefix("ages", nil), limit, 10)
	if err != nil || n < 1 || n > 10 || !more {
		t.Fatalf("%d deleted, more %t, %v", n, more, err)
	}
	left := sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("ages", nil)})
	for _, r := range left {
		if r.Time.Before(sideTime.Add(time.Duration(n) * time.Second)) {
			t.Errorf("a row of %v is left, though a younger one is gone", r.Time)
		}
	}
	rest, _, err := deleteAll(t.Context(), s.a.Side(), mvcc.SidePrefix("ages", nil), limit, 7)
	if err != nil || n+rest != 60 {
		t.Fatalf("%d and %d deleted, %v; want 60", n, rest, err)
	}
	left = sideAll(t, s.b.Side(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("ages", nil)})
	if len(left) != 40 || slices.ContainsFunc(left, func(r mvcc.SideRow) bool { return r.Time.Before(limit) }) {
		t.Errorf("left: %d rows", len(left))
	}
	// Of one key only, and only those old enough.
	m := sideModel{rows: rows}
	m.rows = slices.DeleteFunc(m.rows, func(r mvcc.SideRow) bool { return r.Table != "ages" || r.Time.Before(limit) })
	want := 0
	for _, r := range m.in(mvcc.SideKey("ages", []byte("k2"))) {
		if r.Time.Before(limit.Add(20 * time.Second)) {
			want++
		}
	}
	if n, _, err := deleteAll(t.Context(), s.a.Side(), mvcc.SideKey("ages", []byte("k2")), limit.Add(20*time.Second), 2); err != nil || n != want || want == 0 {
		t.Errorf("%d of one key deleted, %v; want %d", n, err, want)
	}
	if n, err := s.a.Side().Count(t.Context(), mvcc.SidePrefix("young", nil)); err != nil || n != 100 {
		t.Errorf("another table has %d rows, %v", n, err)
	}
}

// testSideDelete: a prefix goes in steps, by two at a time, and rows may be appended afterwards.
func testSideDelete(t *testing.T, s *sides) {
	var rows []mvcc.SideRow
	for i := range 300 {
		rows = append(rows, sideRow("rows", fmt.Sprintf("n%d\x00c%d", i%3, i%10), "d", sideTime))
	}
	rows = sideAppend(t, s.a.Side(), rows...)
	m := sideModel{rows: rows}
	span := mvcc.SidePrefix("rows", []byte("n1\x00"))
	g, ctx := errgroup.WithContext(t.Context())
	gone := make([]int, 2)
	for i := range gone {
		g.Go(func() (err error) {
			gone[i], _, err = deleteAll(ctx, s.side(i), span, time.Time{}, 9)
			return err
		})
	}
	if err := g.Wait(); err != nil || gone[0]+gone[1] != len(m.in(span)) {
		t.Fatalf("%v deleted, %v; want %d together", gone, err, len(m.in(span)))
	}
	m.rows = slices.DeleteFunc(m.rows, func(r mvcc.SideRow) bool { return bytes.HasPrefix(r.Key, []byte("n1\x00")) })
	sameSide(t, "left", sideAll(t, s.b.Side(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("rows", nil)}), m.in(mvcc.SidePrefix("rows", nil)))
	// One key goes oldest first.
	one := mvcc.SideKey("rows", []byte("n0\x00c0"))
	n, more, err := s.a.Side().Delete(t.Context(), one, time.Time{}, 3)
	if err != nil || n != 3 || !more {
		t.Fatalf("%d deleted, more %t, %v", n, more, err)
	}
	sameSide(t, "the key", sideAll(t, s.b.Side(), mvcc.SideQuery{SideSpan: one}), m.in(one)[3:])
	again := sideAppend(t, s.b.Side(), sideRow("rows", "n1\x00c1", "again", sideTime))
	sameSide(t, "appended again", sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: span}), again)
	if n, more, err := s.a.Side().Delete(t.Context(), mvcc.SidePrefix("none", nil), time.Time{}, 5); n != 0 || more || err != nil {
		t.Errorf("an empty table: %d, %t, %v", n, more, err)
	}
}

// testSideLargeRows: a row may be as large as the limit, and a page holds one at least.
func testSideLargeRows(t *testing.T, s *sides) {
	large := make([]byte, mvcc.MaxSideData)
	for i := range large {
		large[i] = byte(i ^ i>>8 ^ i>>16)
	}
	rows := sideAppend(t, s.a.Side(), mvcc.SideRow{Table: "large", Key: []byte("k"), Data: large, Time: sideTime})
	rows = append(rows, sideAppend(t, s.b.Side(), sideRow("large", "k", "small", sideTime), mvcc.SideRow{Table: "large", Key: []byte("k"), Data: large[:3<<20], Time: sideTime})...)
	q := mvcc.SideQuery{SideSpan: mvcc.SideKey("large", []byte("k")), MaxBytes: 1000}
	page, err := s.b.Side().Page(t.Context(), q)
	if err != nil || len(page.Rows) != 1 || !page.More {
		t.Fatalf("%d rows, more %t, %v", len(page.Rows), page.More, err)
	}
	sameSide(t, "large rows", sideAll(t, s.b.Side(), q), rows)
	q.Backward = true
	slices.Reverse(rows)
	sameSide(t, "large rows backward", sideAll(t, s.a.Side(), q), rows)
	if n, _, err := deleteAll(t.Context(), s.a.Side(), q.SideSpan, time.Time{}, 10); err != nil || n != 3 {
		t.Errorf("%d deleted, %v", n, err)
	}
}

// testSideBadInput: what side tables do not take is refused with its limit, and nothing is written.
func testSideBadInput(t *testing.T, s *sides) {
	side, ctx := s.a.Side(), t.Context()
	appends := func(rows ...mvcc.SideRow) func() error {
		return func() error { return second(side.Append(ctx, rows...)) }
	}
	long := strings.Repeat("k", mvcc.MaxSideKey+1)
	good := sideRow("good", "k", "d", sideTime)
	half := make([]byte, mvcc.MaxSideData/2+1)
	for _, tc := range []struct {
		name string
		call func() error
		want string
	}{
		{"no table", appends(good, sideRow("", "k", "", sideTime)), "no name"},
		{"bad table", appends(sideRow("Good", "k", "", sideTime)), `"Good"`},
		{"long table", appends(sideRow(strings.Repeat("t", mvcc.MaxSideTable+1), "k", "", sideTime)), "33, the limit is 32"},
		{"long key", appends(good, sideRow("good", long, "", sideTime)), "513, the limit is 512"},
		{"large data", appends(good, mvcc.SideRow{Table: "good", Data: make([]byte, mvcc.MaxSideData+1)}), "the limit is 8388608"},
		{"large together", appends(mvcc.SideRow{Table: "good", Data: half}, mvcc.SideRow{Table: "good", Data: half}), "8388610, the limit is 8388608"},
		{"many rows", appends(slices.Repeat([]mvcc.SideRow{good}, mvcc.MaxSideRows+1)...), "1001, the limit is 1000"},
		{"page of no table", func() error { return second(side.Page(ctx, mvcc.SideQuery{})) }, "no name"},
		{"page too long", func() error {
			return second(side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SidePrefix("good", nil), Limit: 1001}))
		}, "1001, the limit is 1000"},
		{"page too large", func() error {
			return second(side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SidePrefix("good", nil), MaxBytes: mvcc.MaxSideData + 1}))
		}, "the limit is 8388608"},
		{"negative page", func() error {
			return second(side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SidePrefix("good", nil), Limit: -1}))
		}, "negative"},
		{"long cursor", func() error {
			return second(side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SidePrefix("good", nil), After: &mvcc.SideCursor{Key: []byte(long)}}))
		}, "513, the limit is 512"},
		{"count of a bad table", func() error { return second(side.Count(ctx, mvcc.SidePrefix("a b", nil))) }, `"a b"`},
		{"delete none", func() error { _, _, err := side.Delete(ctx, mvcc.SidePrefix("good", nil), time.Time{}, 0); return err }, "one row at least"},
		{"delete many", func() error {
			_, _, err := side.Delete(ctx, mvcc.SidePrefix("good", nil), time.Time{}, 1001)
			return err
		}, "1001, the limit is 1000"},
	} {
		var bad *mvcc.SideInputError
		if err := tc.call(); !errors.As(err, &bad) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want a SideInputError with %q", tc.name, err, tc.want)
		}
	}
	if n, err := side.Count(ctx, mvcc.SidePrefix("good", nil)); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// testSideContexts: a call ends with its context; what was acknowledged is there, and what was withdrawn is not.
func testSideContexts(t *testing.T, s *sides) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.a.Side().Page(over, mvcc.SideQuery{SideSpan: mvcc.SidePrefix("contexts", nil)}); !errors.Is(err, context.Canceled) {
		t.Errorf("page: %v", err)
	}
	if _, err := s.a.Side().Count(over, mvcc.SidePrefix("contexts", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("count: %v", err)
	}
	var mu sync.Mutex
	want := map[string]bool{} // by data: whether it must be there
	var g errgroup.Group
	for w := range 8 {
		g.Go(func() error {
			for i := range 30 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(2000))*time.Microsecond)
				data := fmt.Sprintf("%d.%d", w, i)
				_, err := s.side(w).Append(ctx, sideRow("contexts", "k", data, sideTime))
				cancel()
				mu.Lock()
				switch {
				case err == nil:
					want[data] = true
				case errors.Is(err, mvcc.ErrUnknownOutcome):
				case errors.Is(err, context.DeadlineExceeded):
					want[data] = false
				default:
					mu.Unlock()
					return err
				}
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	// What has been queued before is done once this is.
	for i := range 2 {
		sideAppend(t, s.side(i), sideRow("contexts", "last", "", sideTime))
	}
	have := map[string]int{}
	for _, r := range sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: mvcc.SideKey("contexts", []byte("k"))}) {
		have[string(r.Data)]++
	}
	for data, there := range want {
		if (have[data] == 1) != there {
			t.Errorf("%s is there %d times, acknowledged: %t", data, have[data], there)
		}
	}
	for data, n := range have {
		if n > 1 {
			t.Errorf("%s is there %d times", data, n)
		}
	}
}

// testSideClose: Close carries out what is queued or refuses it, and another store finds what was acknowledged.
func testSideClose(t *testing.T, s *sides) {
	var mu sync.Mutex
	var acknowledged []int64
	var g errgroup.Group
	for w := range 8 {
		g.Go(func() error {
			for {
				ids, err := s.side(w).Append(t.Context(), sideRow("close", "k", fmt.Sprint(w), sideTime))
				if errors.Is(err, mvcc.ErrClosed) {
					return nil
				}
				if err != nil {
					return err
				}
				mu.Lock()
				acknowledged = append(acknowledged, ids...)
				mu.Unlock()
			}
		})
	}
	for enough := false; !enough; time.Sleep(time.Millisecond) {
		mu.Lock()
		enough = len(acknowledged) > 50
		mu.Unlock()
	}
	s.close()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"page":  second(s.a.Side().Page(t.Context(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("close", nil)})),
		"count": second(s.a.Side().Count(t.Context(), mvcc.SidePrefix("close", nil))),
	} {
		if !errors.Is(err, mvcc.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	s.start()
	var ids []int64
	for _, r := range sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: mvcc.SideKey("close", []byte("k"))}) {
		ids = append(ids, r.ID)
	}
	slices.Sort(acknowledged)
	if !slices.Equal(ids, acknowledged) {
		t.Errorf("%d rows are there, %d were acknowledged", len(ids), len(acknowledged))
	}
	if next := sideAppend(t, s.b.Side(), sideRow("close", "k", "", sideTime)); next[0].ID <= ids[len(ids)-1] {
		t.Errorf("id %d after %d", next[0].ID, ids[len(ids)-1])
	}
}
