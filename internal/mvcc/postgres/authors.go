package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var authorsQuery = named.Dollars("SELECT " + new(rows.Author).Columns("l", `"`).String() +
	" FROM ark_log l WHERE l.id >= :first AND l.id < :end ORDER BY l.id")

// Authors implements mvcc.Engine.
func (e *Engine) Authors(ctx context.Context, after, last int64, each func(mvcc.Author) error) error {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	first, end := rows.Span(after, last)
	found, err := e.readers.Query(ctx, authorsQuery.Text, authorsQuery.Args(named.Arg("first", first), named.Arg("end", end))...)
	if err != nil {
		return fmt.Errorf("read who wrote: %w", err)
	}
	var a rows.Author
	hand := rows.EachRevision(each)
	if _, err := pgx.ForEachRow(found, a.Columns("l", `"`).Into(), func() error { return hand(&a) }); err != nil {
		return fmt.Errorf("read who wrote: %w", err)
	}
	return nil
}
