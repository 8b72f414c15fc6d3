package sqlite

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// verifier reads the whole log and compares it with itself and with the table of live keys, and the
// side tables with what was noted of them.
type verifier struct {
	// pruned is the revision up to which rows may be missing.
	pruned int64

	rows, bare int64
	damaged    []damagedRow // as many as keptRows
	more       int
	keys       int
	digest     uint64
	sideRows   int64
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

// scanSide reads all side rows.
func (v *verifier) scanSide(ctx context.Context, db querier) (have map[string]sideTable, err error) {
	have = map[string]sideTable{}
	for at := int64(0); ; {
		read, err := readSide(ctx, db, at, 1000)
		if err != nil {
			return nil, fmt.Errorf("read the side tables after id %d: %w", at, err)
		}
		if len(read) == 0 {
			return have, nil
		}
		for i := range read {
			r := &read[i]
			at = r.ID
			v.sideRows++
			if !r.intact() {
				v.bad(r.damaged())
			}
			t := have[r.Table]
			t.add(r.ID, r.checksum, int64(len(r.Key)+len(r.Data)), 1)
			have[r.Table] = t
		}
	}
}

// runSide is scanSide, and compares the tables with what was noted of them.
func (v *verifier) runSide(ctx context.Context, db querier) error {
	have, err := v.scanSide(ctx, db)
	if err != nil {
		return err
	}
	want, err := readSideTables(ctx, db)
	if err != nil {
		return fmt.Errorf("read the list of side tables: %w", err)
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			want[name] = sideTable{}
		}
	}
	for name, t := range want {
		if h := have[name]; h.rows != t.rows || h.bytes != t.bytes || h.digest != t.digest {
			if err := v.sideDiffers(ctx, db, name, h, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// sideDiffers names the rows of a side table that are missing, as far as its index knows them.
func (v *verifier) sideDiffers(ctx context.Context, db querier, name string, have, want sideTable) error {
	what := fmt.Sprintf("has %d rows of %d bytes, and %d of %d bytes were written", have.rows, have.bytes, want.rows, want.bytes)
	if have.rows == want.rows && have.bytes == want.bytes {
		what = "has other rows than those that were written"
	}
	v.bad(damagedRow{side: name, table: what})
	found, err := db.QueryContext(ctx, missingSide.Text, missingSide.Args(named.Arg("table", name))...)
	if err != nil {
		return fmt.Errorf("look for missing rows of the side table %s: %w", name, err)
	}
	defer found.Close()
	for found.Next() {
		r := damagedRow{side: name, why: "is missing"}
		if err := found.Scan(&r.id, &r.key); err != nil {
			return err
		}
		v.bad(r)
	}
	return found.Err()
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
