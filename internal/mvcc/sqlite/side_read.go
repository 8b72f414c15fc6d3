package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// sideRow is a row of a side table as the file has it.
type sideRow struct {
	mvcc.SideRow
	at       int64
	checksum int64
}

func (r *sideRow) columns() named.Columns {
	return named.Columns{
		named.Of("s", "id", &r.ID), named.Of("s", "tbl", &r.Table), named.Of("s", "key", &r.Key), named.Of("s", "at", &r.at),
		named.Of("s", "data", &r.Data), named.Of("s", "checksum", &r.checksum),
	}
}

// intact reports whether the row is what was written.
func (r *sideRow) intact() bool { return r.checksum == r.sum() }

func (r *sideRow) damaged() damagedRow {
	return damagedRow{side: r.Table, id: r.ID, key: r.Key, why: "does not match its checksum"}
}

// readSide reads some side rows after an id, none if there are none.
func readSide(ctx context.Context, db querier, after int64, limit int) ([]sideRow, error) {
	found, err := db.QueryContext(ctx, scrubSideQuery.Text, scrubSideQuery.Args(named.Arg("after", after), named.Arg("most", limit))...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var read []sideRow
	var r sideRow
	into := r.columns().Into()
	for bytes := 0; bytes < scrubBytes && found.Next(); {
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		read = append(read, r)
		bytes += len(r.Data)
	}
	return read, found.Err()
}

// SidePage implements mvcc.SideEngine. A damaged row ends it with a DamageError.
func (e *Engine) SidePage(ctx context.Context, q *mvcc.SideQuery) (page mvcc.SidePage, err error) {
	first, end := q.Bounds()
	if q.Backward {
		end = first
	}
	begin := q.Begin()
	found, err := e.pageSide[q.Backward].QueryContext(ctx, pageSideQuery[q.Backward].Args(named.Arg("table", q.Table), named.Arg("key", begin.Key), named.Arg("id", begin.ID),
		named.Arg("end", end), named.Arg("tail", q.KeyTail()), named.Arg("most", q.Limit))...)
	if err != nil {
		return page, fmt.Errorf("read the side table %s: %w", q.Table, err)
	}
	defer found.Close()
	var r sideRow
	into := r.columns().Into()
	for bytes := 0; found.Next(); bytes += len(r.Key) + len(r.Data) {
		if page.More = len(page.Rows) == q.Limit || len(page.Rows) > 0 && bytes >= q.MaxBytes; page.More {
			break
		}
		if err := found.Scan(into...); err != nil {
			return page, fmt.Errorf("read the side table %s: %w", q.Table, err)
		}
		if !r.intact() {
			return page, e.damage(r.damaged())
		}
		r.Time = time.UnixMilli(r.at)
		page.Rows = append(page.Rows, r.SideRow)
	}
	if err := found.Err(); err != nil {
		return page, fmt.Errorf("read the side table %s: %w", q.Table, err)
	}
	return page, nil
}

// SideCount implements mvcc.SideEngine.
func (e *Engine) SideCount(ctx context.Context, s mvcc.SideSpan) (n int64, err error) {
	first, end := s.Bounds()
	if err := e.readers.QueryRowContext(ctx, countSideQuery.Text, countSideQuery.Args(named.Arg("table", s.Table), named.Arg("first", first), named.Arg("end", end))...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the rows of the side table %s: %w", s.Table, err)
	}
	return n, nil
}

// SideFind implements mvcc.SideEngine. One process at a time writes, so its newest id proves all
// before.
func (e *Engine) SideFind(ctx context.Context, p mvcc.SidePoint) (newest mvcc.SidePoint, held bool, err error) {
	newest.Newest, err = readSideNewest(ctx, e.readers)
	return newest, newest.Newest >= p.Newest, err
}

// damagedSide returns the side rows, and tables, that are not what was written.
func (e *Engine) damagedSide(ctx context.Context) ([]damagedRow, error) {
	var v verifier
	err := v.runSide(ctx, e.readers)
	return v.damaged, err
}

// removeSide deletes damaged side rows, and notes what is left. It is part of a transaction.
func (e *Engine) removeSide(ctx context.Context) error {
	var have map[string]sideTable
	for more := true; more; {
		var v verifier
		var err error
		if have, err = v.scanSide(ctx, e.writer); err != nil {
			return err
		}
		for _, bad := range v.damaged {
			if _, err := e.writer.ExecContext(ctx, "DELETE FROM side WHERE id = ?", bad.id); err != nil {
				return fmt.Errorf("remove a damaged row: %w", err)
			}
		}
		more = len(v.damaged) > 0
	}
	// What indexes hold of a damaged row may be something else.
	for _, statement := range []string{"REINDEX side", "DELETE FROM side_table"} {
		if _, err := e.writer.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("remove damaged rows: %w", err)
		}
	}
	for name, t := range have {
		if err := e.putTable(name, t); err != nil {
			return err
		}
	}
	e.side.tables = have
	return nil
}
