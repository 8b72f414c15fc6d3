package mysql

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var authorsQuery = named.Questions("SELECT " + new(rows.Author).Columns("l", "`").String() +
	" FROM ark_log l WHERE l.id>=:first AND l.id<:end ORDER BY l.id")

// Authors implements mvcc.Engine.
func (e *Engine) Authors(ctx context.Context, after, last int64, each func(mvcc.Author) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	first, end := rows.Span(after, last)
	found, err := e.readers.QueryContext(ctx, authorsQuery.Text, authorsQuery.Args(named.Arg("first", first), named.Arg("end", end))...)
	if err != nil {
		return fmt.Errorf("read who wrote: %w", err)
	}
	defer found.Close()
	var a rows.Author
	into := a.Columns("l", "`").Into()
	hand := rows.EachRevision(each)
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return fmt.Errorf("read who wrote: %w", err)
		}
		if err := hand(&a); err != nil {
			return err
		}
	}
	return found.Err()
}
