package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
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

const (
	findColumns     = "id, `key`, created, version, lease"
	findFirstQuery  = "SELECT " + findColumns + ", %s FROM ark_log FORCE INDEX (PRIMARY) WHERE id IN (%s)"
	findOthersQuery = "SELECT " + findColumns + ", %s FROM ark_log WHERE id>%d AND id<%d"
)

// querier is a pool, connection or transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// find looks for rows of the log; some may have been pruned. It tries the
// first position of each revision, where most have their only row, and then all of
// the revisions whose rows were not there. A join would do it in one query, but no
// server plans a range that depends on a row otherwise than row by row.
func (e *Engine) find(ctx context.Context, q querier, refs []rowRef, values bool) (map[rowRef]foundRow, error) {
	found := make(map[rowRef]foundRow, len(refs))
	value := "NULL"
	if values {
		value = "value"
	}
	wanted := make(map[rowRef]bool, len(refs))
	var firsts []int64
	for _, r := range refs {
		wanted[r] = true
		firsts = append(firsts, r.revision*positions)
	}
	slices.Sort(firsts)
	firsts = slices.Compact(firsts)
	there := map[int64]bool{}
	for part := range slices.Chunk(firsts, findMany) {
		rows, err := q.QueryContext(ctx, fmt.Sprintf(findFirstQuery, value, list(part)))
		if err := collect(rows, err, wanted, found, there); err != nil {
			return nil, fmt.Errorf("read replaced rows: %w", err)
		}
	}
	done := map[int64]bool{}
	for _, r := range refs {
		if _, ok := found[r]; ok || done[r.revision] {
			continue
		}
		done[r.revision] = true
		rows, err := q.QueryContext(ctx, fmt.Sprintf(findOthersQuery, value, r.revision*positions, (r.revision+1)*positions))
		if err := collect(rows, err, wanted, found, there); err != nil {
			return nil, fmt.Errorf("read replaced rows of revision %d: %w", r.revision, err)
		}
	}
	return found, nil
}

// collect keeps the rows wanted.
func collect(rows *sql.Rows, err error, wanted map[rowRef]bool, found map[rowRef]foundRow, there map[int64]bool) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		kv := &mvcc.KeyValue{}
		var id, created int64
		if err := rows.Scan(&id, &kv.Key, &created, &kv.Version, (*int64)(&kv.Lease), &kv.Value); err != nil {
			return err
		}
		there[id] = true
		kv.ModRevision = id / positions
		ref := rowRef{kv.ModRevision, string(kv.Key)}
		if !wanted[ref] {
			continue
		}
		setCreated(kv, created)
		found[ref] = foundRow{id, kv}
	}
	return rows.Err()
}
