package enginetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// testSideConditions: of writers that append a row to a key on the condition of the one that they
// have read, each counts on from what the one before it wrote, on whichever replica; what is
// refused writes and deletes nothing.
func testSideConditions(t *testing.T, s *sides) {
	key := []byte("counter")
	newest := func(side mvcc.SideTables) (mvcc.SideNewest, int) {
		page, err := side.Page(t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideKey("counters", key), Backward: true, Limit: 1})
		if err != nil {
			t.Error(err)
		}
		c, n := mvcc.SideNewest{Table: "counters", Key: key}, 0
		if len(page.Rows) > 0 {
			c.ID = page.Rows[0].ID
			n, _ = strconv.Atoi(string(page.Rows[0].Data))
		}
		return c, n
	}
	const writers, each = 6, 8
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			side := s.side(w)
			for i := 0; i < each && !t.Failed(); {
				c, n := newest(side)
				_, err := side.AppendIf(t.Context(), c, sideRow("counters", "counter", strconv.Itoa(n+1), sideTime), sideRow("counted", fmt.Sprint(n), "", sideTime))
				switch {
				case err == nil:
					i++
				case !errors.Is(err, mvcc.ErrSideChanged):
					t.Error(err)
				}
				// Others write and delete in the same batches.
				sideAppend(t, side, sideRow("others", "k", "x", sideTime))
				if _, _, err := side.Delete(t.Context(), mvcc.SidePrefix("others", nil), time.Time{}, 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	c, n := newest(s.b.Side())
	if n != writers*each {
		t.Errorf("counted to %d, want %d", n, writers*each)
	}
	rows := sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("counted", nil)})
	if len(rows) != writers*each {
		t.Errorf("%d rows were appended with the counts, want %d", len(rows), writers*each)
	}
	for _, side := range []mvcc.SideTables{s.a.Side(), s.b.Side()} {
		stale := c
		stale.ID--
		if _, err := side.AppendIf(t.Context(), stale, sideRow("counted", "stale", "", sideTime)); !errors.Is(err, mvcc.ErrSideChanged) {
			t.Errorf("an append on a condition that does not hold: %v", err)
		}
		for _, before := range []time.Time{{}, sideTime.Add(time.Hour)} {
			if n, _, err := side.DeleteIf(t.Context(), stale, mvcc.SidePrefix("counted", nil), before, 10); n != 0 || !errors.Is(err, mvcc.ErrSideChanged) {
				t.Errorf("a delete on a condition that does not hold: %d, %v", n, err)
			}
		}
	}
	sameSide(t, "after what was refused", sideAll(t, s.a.Side(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("counted", nil)}), rows)
	if n, more, err := s.b.Side().DeleteIf(t.Context(), c, mvcc.SidePrefix("counted", nil), time.Time{}, 5); n != 5 || !more || err != nil {
		t.Errorf("a delete on a condition that holds: %d, %t, %v", n, more, err)
	}
	none := mvcc.SideNewest{Table: "counters", Key: []byte("none")}
	if _, err := s.a.Side().AppendIf(t.Context(), none, sideRow("counters", "none", "", sideTime)); err != nil {
		t.Errorf("an append on the condition that there is no row: %v", err)
	}
	if _, err := s.b.Side().AppendIf(t.Context(), none, sideRow("counters", "none", "", sideTime)); !errors.Is(err, mvcc.ErrSideChanged) {
		t.Errorf("once more: %v", err)
	}
	var bad *mvcc.SideInputError
	if _, err := s.a.Side().AppendIf(t.Context(), mvcc.SideNewest{Table: "No"}, sideRow("counters", "none", "", sideTime)); !errors.As(err, &bad) {
		t.Errorf("a condition on a table that cannot be: %v", err)
	}
}
