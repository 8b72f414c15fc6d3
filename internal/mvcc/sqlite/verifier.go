package sqlite

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
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
		read, err := readRows(ctx, db, at, 1000)
		if err != nil {
			return fmt.Errorf("read the log after revision %d: %w", rows.Revision(at), err)
		}
		if len(read) == 0 {
			break
		}
		for i := range read {
			r := &read[i]
			at = r.ID
			of := rows.Revision(r.ID)
			v.rows++
			switch r.sum {
			case 0:
				v.bare++
			case r.want():
			default:
				v.bad(damagedRow{id: r.ID, key: r.Key, why: "does not match its checksum"})
			}
			if of > seen+1 {
				v.bad(damagedRow{id: rows.ID(seen+1, 0), last: of - 1})
			}
			seen = max(seen, of)
			if r.Version > 0 {
				live[r.Created] = liveRow{r.ID, string(r.Key)}
			} else {
				delete(live, r.Created)
			}
		}
	}
	if seen < revision {
		v.bad(damagedRow{id: rows.ID(seen+1, 0), last: revision})
	}
	return v.compare(ctx, db, live)
}

type liveRow struct {
	id  int64
	key string
}

// compare compares the live keys of the log with the table.
func (v *verifier) compare(ctx context.Context, db querier, live map[int64]liveRow) error {
	found, err := db.QueryContext(ctx, liveQuery)
	if err != nil {
		return fmt.Errorf("read the live keys: %w", err)
	}
	defer found.Close()
	var l rows.Live
	into := l.Columns("s").Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return fmt.Errorf("read the live keys: %w", err)
		}
		v.keys++
		v.digest += mark.Digest(l.Created, rows.Revision(l.Newest))
		r, ok := live[l.Created]
		delete(live, l.Created)
		if !ok || r.id != l.Newest {
			bad := damagedRow{id: l.Newest, why: "is not the newest of its key"}
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
	return found.Err()
}
