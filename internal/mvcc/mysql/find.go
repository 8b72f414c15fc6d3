package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// rowRef names a row of the log by its revision and key. The rows that replaced it
// name it so, for the store does not know its position.
type rowRef struct {
	revision int64
	key      string
}

type foundRow struct {
	id int64
	kv *mvcc.KeyValue
}

// findMany is how many rows are looked for, or deleted, in one statement. MariaDB
// makes a join of a list of a thousand. On a small table a server may prefer to read
// all of it; deleting it would then wait for the rows that a writer has just added, so
// such statements force the key.
const findMany = 500

// Queries for some rows of the log, with their values and without.
var (
	withValues    = findQueries(new(rows.Row).Columns("l"))
	withoutValues = findQueries(keyColumns(&rows.Row{}))
)

func keyColumns(r *rows.Row) named.Columns { return r.Columns("l").Without(&r.Value) }

// finder is a pair of queries: for rows by their ids, and for those of a revision but the first.
type finder struct{ firsts, others named.Statement }

func findQueries(columns named.Columns) finder {
	list := columns.String()
	return finder{
		named.Questions("SELECT " + list + " FROM ark_log l FORCE INDEX (PRIMARY) WHERE l.id IN (:ids)"),
		named.Questions("SELECT " + list + " FROM ark_log l WHERE l.id>:first AND l.id<:end"),
	}
}

// querier is a pool, connection or transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// find looks for rows of the log; some may have been pruned. It tries the
// first position of each revision, where most have their only row, and then all of
// the revisions whose rows were not there. A join would do it in one query, but no
// server plans a range that depends on a row otherwise than row by row.
func (e *Engine) find(ctx context.Context, q querier, refs []rowRef, values bool) (map[rowRef]foundRow, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	c := collection{found: make(map[rowRef]foundRow, len(refs)), wanted: make(map[rowRef]bool, len(refs))}
	queries := withoutValues
	columns := keyColumns(&c.row)
	if values {
		queries, columns = withValues, c.row.Columns("l")
	}
	c.into = columns.Into()
	var firsts []int64
	for _, r := range refs {
		c.wanted[r] = true
		firsts = append(firsts, rows.ID(r.revision, 0))
	}
	slices.Sort(firsts)
	firsts = slices.Compact(firsts)
	for part := range slices.Chunk(firsts, findMany) {
		text := queries.firsts.Append(nil, literal, named.Arg("ids", part))
		if err := c.add(q.QueryContext(ctx, string(text))); err != nil {
			return nil, fmt.Errorf("read replaced rows: %w", err)
		}
	}
	done := map[int64]bool{}
	for _, r := range refs {
		if _, ok := c.found[r]; ok || done[r.revision] {
			continue
		}
		done[r.revision] = true
		first, end := rows.Span(r.revision-1, r.revision)
		if err := c.add(q.QueryContext(ctx, queries.others.Text, queries.others.Args(named.Arg("first", first), named.Arg("end", end))...)); err != nil {
			return nil, fmt.Errorf("read replaced rows of revision %d: %w", r.revision, err)
		}
	}
	return c.found, nil
}

// collection keeps the rows wanted.
type collection struct {
	wanted map[rowRef]bool
	found  map[rowRef]foundRow
	row    rows.Row
	into   []any
}

// add takes the answer to a query.
func (c *collection) add(answer *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer answer.Close()
	for answer.Next() {
		if err := answer.Scan(c.into...); err != nil {
			return err
		}
		if ref := (rowRef{rows.Revision(c.row.ID), string(c.row.Key)}); c.wanted[ref] {
			c.found[ref] = foundRow{c.row.ID, c.row.KeyValue()}
		}
	}
	return answer.Err()
}
