package enginetest

import (
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

// testSideContexts: a call ends with its context; what was acknowledged is there, and what was
// withdrawn is not.
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

// testSideClose: Close carries out what is queued or refuses it, and another store finds what was
// acknowledged.
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
