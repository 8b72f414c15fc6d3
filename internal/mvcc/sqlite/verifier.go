package sqlite

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc/mark"
)

// verifier reads the whole log and compares it with itself and with the table of live keys.
type verifier struct {
	// pruned is the revision up to which rows may be missing.
	pruned int64

	rows, bare int64
	damaged    []damagedRow // as many as keptRows
	more       int
	keys       int
	digest     uint64
}

// keptRows bounds the memory that a file full of damage takes.
const keptRows = 1000

func (v *verifier) bad(r damagedRow) {
	if len(v.damaged) < keptRows {
		v.damaged = append(v.damaged, r)
	} else {
		v.more++
	}
}

// run returns an error where it could not read on.
func (v *verifier) run(ctx context.Context, db querier, revision int64) error {
	live := map[int64]liveRow{} // by the row that created the key, what the log says
	seen := max(v.pruned, 1)
	for at := int64(0); ; {
		rows, err := readRows(ctx, db, at, 1000)
		if err != nil {
			return fmt.Errorf("read the log after revision %d: %w", at/positions, err)
		}
		if len(rows) == 0 {
			break
		}
		for i := range rows {
			r := &rows[i]
			at = r.id
			v.rows++
			switch r.sum {
			case 0:
				v.bare++
			case r.want():
			default:
				v.bad(damagedRow{id: r.id, key: r.key, why: "does not match its checksum"})
			}
			if r.id/positions > seen+1 {
				v.bad(damagedRow{id: (seen + 1) * positions, last: r.id/positions - 1})
			}
			seen = max(seen, r.id/positions)
			if r.version > 0 {
				live[r.created] = liveRow{r.id, string(r.key)}
			} else {
				delete(live, r.created)
			}
		}
	}
	if seen < revision {
		v.bad(damagedRow{id: (seen + 1) * positions, last: revision})
	}
	return v.compare(ctx, db, live)
}

type liveRow struct {
	id  int64
	key string
}

// compare compares the live keys of the log with the table.
func (v *verifier) compare(ctx context.Context, db querier, live map[int64]liveRow) error {
	rows, err := db.QueryContext(ctx, "SELECT created, id FROM state")
	if err != nil {
		return fmt.Errorf("read the live keys: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var created, id int64
		if err := rows.Scan(&created, &id); err != nil {
			return fmt.Errorf("read the live keys: %w", err)
		}
		v.keys++
		v.digest += mark.Digest(created, id/positions)
		r, ok := live[created]
		delete(live, created)
		if !ok || r.id != id {
			bad := damagedRow{id: id, why: "is not the newest of its key"}
			if ok {
				bad.key = []byte(r.key)
			} else {
				bad.why = "is not there, but counts as that of a live key"
			}
			v.bad(bad)
		}
	}
	for created, r := range live {
		v.bad(damagedRow{created: created, id: r.id, key: []byte(r.key), why: "does not count as that of a live key"})
	}
	return rows.Err()
}
