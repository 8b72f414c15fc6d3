package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"golang.org/x/sync/errgroup"
)

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
