package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
)

// Side tests the side tables of an engine, through a Store. open makes a new, empty database and
// returns what opens an engine on it: of a Shared there are two at a time, of any other one.
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
		"Conditions":  testSideConditions,
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

// testSideBytes: keys and data come back as they were given, and keys that a collation would take
// for the same are different.
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

// testSideIDs: ids grow with each row, whoever appends, and none is assigned again after its row
// has gone.
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
			for _, tail := range []string{"c3", "0", "n1\x00c2", "\x00c\xff", "\xff\xff"} {
				q.Tail = []byte(tail)
				left := slices.DeleteFunc(slices.Clone(back), func(r mvcc.SideRow) bool {
					return string(r.Key[max(0, len(r.Key)-len(tail)):]) > tail
				})
				sameSide(t, fmt.Sprintf("%q, %+v backward, up to the tail %q", span, size, tail), sideAll(t, s.a.Side(), q), left)
			}
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

// testSideConcurrent: while writers on all replicas append to one key, readers that page forward
// see every row once, in the order of ids.
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
