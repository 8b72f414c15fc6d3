package arktable

import (
	"context"
	"fmt"
	"path"

	"github.com/jackc/pgx/v5"

	"github.com/mckinsey/ark-server/internal/transfer"
)

// A batch is bounded by what it holds in memory.
const (
	batchItems = 500
	batchBytes = 16 << 20
)

// reader hands rows on as they come from the server, some at a time.
type reader struct {
	*Table
	batch func([]transfer.Item) error
	items []transfer.Item
	bytes int
	// seen has the row of each object. ark-apiserver has an index that keeps them apart; a copy of the
	// table may not.
	seen map[string]int64
}

// rows reads those that a condition is true of.
func (r *reader) rows(ctx context.Context, tx pgx.Tx, condition string, argument any) error {
	rows, err := tx.Query(ctx, "SELECT "+list(r.columns)+" FROM resources WHERE deleted_at IS NULL AND "+condition+" ORDER BY id", argument)
	if err != nil {
		return fmt.Errorf("read the rows: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var one row
		if err := rows.Scan(one.fields()...); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
		if err := r.add(r.item(&one)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the rows: %w", err)
	}
	return nil
}

func (r *reader) item(one *row) transfer.Item {
	text, remarks, err := one.object(r.kinds)
	if err != nil {
		return transfer.Item{Where: one.title(), Err: err}
	}
	name := path.Join(or(one.kind), or(one.namespace), or(one.name))
	if first, twice := r.seen[name]; twice {
		return transfer.Item{Where: one.title(), Err: fmt.Errorf("the row with id %d is of the same object", first)}
	}
	r.seen[name] = one.id
	for _, remark := range remarks {
		r.note("%s: %s", one.title(), remark)
	}
	return transfer.Item{Text: text, Where: fmt.Sprintf("row with id %d", one.id)}
}

func (r *reader) add(item transfer.Item) error {
	r.items = append(r.items, item)
	r.bytes += len(item.Text)
	if len(r.items) < batchItems && r.bytes < batchBytes {
		return nil
	}
	return r.flush()
}

func (r *reader) flush() error {
	items := r.items
	r.items, r.bytes = nil, 0
	if len(items) == 0 {
		return nil
	}
	return r.batch(items)
}
