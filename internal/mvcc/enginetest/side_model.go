package enginetest

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// sideModel is what side tables hold.
type sideModel struct{ rows []mvcc.SideRow }

// in returns the rows of a span in the order of pages.
func (m *sideModel) in(span mvcc.SideSpan) []mvcc.SideRow {
	var found []mvcc.SideRow
	for _, r := range m.rows {
		if r.Table == span.Table && bytes.Compare(r.Key, span.From) >= 0 && (len(span.To) == 0 || bytes.Compare(r.Key, span.To) < 0) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b mvcc.SideRow) int { return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID)) })
	return found
}

// delete deletes the first n rows that a delete goes through.
func (m *sideModel) delete(span mvcc.SideSpan, before time.Time, n int) error {
	found := m.in(span)
	if !before.IsZero() {
		found = slices.DeleteFunc(found, func(r mvcc.SideRow) bool { return !r.Time.Before(before) })
		if span.Whole() {
			slices.SortFunc(found, func(a, b mvcc.SideRow) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
		}
	}
	if n > len(found) {
		return fmt.Errorf("%d rows deleted of %d", n, len(found))
	}
	for _, gone := range found[:n] {
		m.rows = slices.DeleteFunc(m.rows, func(r mvcc.SideRow) bool { return r.ID == gone.ID })
	}
	return nil
}

// testSideRandom: what random calls on all replicas leave is what a model holds.
func testSideRandom(t *testing.T, s *sides) {
	var m sideModel
	rnd := rand.New(rand.NewPCG(1, 2))
	tables := []string{"one", "two_"}
	key := func() []byte { return fmt.Appendf(nil, "n%d\x00%d", rnd.IntN(3), rnd.IntN(3)) }
	span := func() mvcc.SideSpan {
		table := tables[rnd.IntN(2)]
		switch rnd.IntN(4) {
		case 0:
			return mvcc.SidePrefix(table, nil)
		case 1:
			return mvcc.SidePrefix(table, key()[:2])
		case 2:
			return mvcc.SideSpan{Table: table, From: key(), To: key()}
		}
		return mvcc.SideKey(table, key())
	}
	for i := range 250 {
		side := s.side(i)
		switch rnd.IntN(5) {
		case 0, 1:
			var rows []mvcc.SideRow
			for range 1 + rnd.IntN(8) {
				rows = append(rows, mvcc.SideRow{Table: tables[rnd.IntN(2)], Key: key(), Data: bytes.Repeat([]byte{byte(i)}, rnd.IntN(300)), Time: sideTime.Add(time.Duration(rnd.IntN(50)) * time.Second)})
			}
			m.rows = append(m.rows, sideAppend(t, side, rows...)...)
		case 2:
			sp, before, most := span(), time.Time{}, 1+rnd.IntN(6)
			if rnd.IntN(2) == 0 {
				before = sideTime.Add(time.Duration(rnd.IntN(50)) * time.Second)
			}
			n, more, err := side.Delete(t.Context(), sp, before, most)
			if err != nil || n > most || more && n == 0 {
				t.Fatalf("%d of %d deleted, more %t, %v", n, most, more, err)
			}
			if err := m.delete(sp, before, n); err != nil {
				t.Fatal(err)
			}
			if !more {
				left := m.rows
				if err := m.delete(sp, before, 1); err == nil {
					t.Fatalf("%q before %v: rows are left, and the delete says that there are no more", sp, before)
				}
				m.rows = left
			}
		default:
			q := mvcc.SideQuery{SideSpan: span(), Limit: 1 + rnd.IntN(9), Backward: rnd.IntN(2) == 0}
			want := m.in(q.SideSpan)
			if q.Backward {
				slices.Reverse(want)
			}
			sameSide(t, fmt.Sprintf("%+v", q), sideAll(t, side, q), want)
			if n, err := side.Count(t.Context(), q.SideSpan); err != nil || n != int64(len(want)) {
				t.Fatalf("count %d, %v; want %d", n, err, len(want))
			}
		}
	}
	if len(m.rows) < 20 {
		t.Errorf("%d rows are left: the test shows little", len(m.rows))
	}
}
