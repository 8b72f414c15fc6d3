package sqlite

import (
	"fmt"
	"strings"

	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// damagedRow is a row of the log, or of a side table, that is not what was written.
type damagedRow struct {
	side        string // the side table; created is not set then
	table       string // what is wrong with the whole side table
	created, id int64
	key         []byte // nil where the row is missing
	why         string
	last        int64 // where revisions up to this one are missing altogether
}

func (r damagedRow) String() string {
	if r.table != "" {
		return fmt.Sprintf("the side table %s %s", r.side, r.table)
	}
	if r.side != "" {
		return fmt.Sprintf("the row %d of key %q in the side table %s %s", r.id, r.key, r.side, r.why)
	}
	if r.last > 0 {
		return fmt.Sprintf("revisions %d to %d are missing", rows.Revision(r.id), r.last)
	}
	if r.key == nil {
		return fmt.Sprintf("the row of revision %d %s", rows.Revision(r.id), r.why)
	}
	return fmt.Sprintf("the row of key %q at revision %d %s", r.key, rows.Revision(r.id), r.why)
}

// DamageError says which rows are not what was written. Options.AcceptDataLoss goes on without
// them.
type DamageError struct {
	Store mark.StoreID
	Rows  []damagedRow
	// Of is how many there are in all, 0 where nobody has counted.
	Of int
}

// namedRows bounds the length of an error.
const namedRows = 3

func (d *DamageError) Error() string {
	var b strings.Builder
	b.WriteString("the database is damaged: ")
	if d.Of > 0 {
		fmt.Fprintf(&b, "%d of %d keys: ", len(d.Rows), d.Of)
	}
	for i, r := range d.Rows[:min(len(d.Rows), namedRows)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.String())
	}
	if len(d.Rows) > namedRows {
		b.WriteString(", and more")
	}
	b.WriteString(": restore a backup")
	return b.String()
}

// CorruptError says that the file is damaged in more than some rows of the log.
type CorruptError struct {
	// What says what is damaged, and to restore a backup.
	What string
}

func (c *CorruptError) Error() string { return c.What }

// damage reports damage that was met in use.
func (e *Engine) damage(r damagedRow) error {
	e.scrubber.met(r)
	return &DamageError{Store: e.store, Rows: []damagedRow{r}}
}
