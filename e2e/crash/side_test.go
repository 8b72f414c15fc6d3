package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	sideTable   = "crash"
	sideWriters = 4
	// What one call appends and deletes at most.
	sideAppends, sideDeletes = 3, 2
)

// sideChange is a row that was appended to a key, or how many of its oldest rows were deleted.
type sideChange struct {
	key     string
	id      int64
	data    string
	deleted int
}

func sideKey(w int) string { return fmt.Sprintf("/side/%d", w) }

// writeSide appends to the writer's own key, and deletes its oldest rows.
func writeSide(ctx context.Context, side mvcc.SideTables, w int) error {
	key := sideKey(w)
	for {
		if rand.IntN(3) == 0 {
			n, _, err := side.Delete(ctx, mvcc.SideKey(sideTable, []byte(key)), time.Time{}, sideDeletes)
			if err != nil {
				return fmt.Errorf("delete side rows: %w", err)
			}
			report("%s %d %s", kindDeleted, n, key)
			continue
		}
		var rows []mvcc.SideRow
		for range 1 + rand.IntN(sideAppends) {
			rows = append(rows, mvcc.SideRow{Table: sideTable, Key: []byte(key), Data: fmt.Appendf(nil, "%x", rand.Uint64())})
		}
		ids, err := side.Append(ctx, rows...)
		if err != nil {
			return fmt.Errorf("append side rows: %w", err)
		}
		for i, id := range ids {
			report("%s %d %s %s", kindAppended, id, key, rows[i].Data)
		}
	}
}

// checkSides compares the rows of each key with the reports. One call of each writer may have been
// executed without a report, or with a report of only a part of its rows.
func (m *model) checkSides(ctx context.Context, side mvcc.SideTables, reported []sideChange) error {
	for _, c := range reported {
		rows := m.sides[c.key]
		if c.deleted > 0 {
			rows = rows[min(c.deleted, len(rows)):]
		} else if c.id > 0 {
			rows = append(rows, c)
		}
		m.sides[c.key] = rows
	}
	for w := range sideWriters {
		key := sideKey(w)
		have, err := sideRows(ctx, side, key)
		if err != nil {
			return err
		}
		want := m.sides[key]
		gone := 0
		for gone < len(want) && gone <= sideDeletes && (len(have) == 0 || want[gone].id != have[0].id) {
			gone++
		}
		want = want[gone:]
		if gone > sideDeletes || len(have) < len(want) || len(have) > len(want)+sideAppends || gone > 0 && len(have) > len(want) {
			return fmt.Errorf("the side key %s has %d rows, %d of which were acknowledged, and lacks its first %d", key, len(have), len(want), gone)
		}
		for i, r := range have {
			if i < len(want) && r != want[i] {
				return fmt.Errorf("the side key %s has %+v, acknowledged was %+v", key, r, want[i])
			}
			if i > 0 && r.id <= have[i-1].id {
				return fmt.Errorf("the side key %s has id %d after %d", key, r.id, have[i-1].id)
			}
		}
		m.sides[key] = have
	}
	return nil
}

func sideRows(ctx context.Context, side mvcc.SideTables, key string) ([]sideChange, error) {
	var rows []sideChange
	q := mvcc.SideQuery{SideSpan: mvcc.SideKey(sideTable, []byte(key))}
	for {
		page, err := side.Page(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("page side rows: %w", err)
		}
		for _, r := range page.Rows {
			rows = append(rows, sideChange{key: key, id: r.ID, data: string(r.Data)})
			q.After = r.Cursor()
		}
		if !page.More {
			return rows, nil
		}
	}
}
