package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	hashlessQuery = `
		SELECT s.created, l.key FROM ark_state s JOIN ark_log l ON l.id = s.id
		WHERE s.key_hash IS NULL LIMIT 1000`
	hashStatement = `
		UPDATE ark_state s SET key_hash = r.hash FROM unnest($1::bigint[], $2::bytea[]) AS r (created, hash)
		WHERE s.created = r.created`
)

// hashSome is mvcc.HashKeys' some. It does so in a turn of its own, because a batch locks rows in
// another order.
func (e *Engine) hashSome(ctx context.Context) (int, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	rows, err := e.upkeep.Query(ctx, hashlessQuery)
	if err != nil {
		return 0, err
	}
	var ids []int64
	var hashes [][]byte
	var id int64
	var key []byte
	if _, err := pgx.ForEachRow(rows, []any{&id, &key}, func() error {
		ids, hashes = append(ids, id), append(hashes, mvcc.KeyHash(key))
		return nil
	}); err != nil || len(ids) == 0 {
		return 0, err
	}
	err = e.withCounter(ctx, func() error {
		send := &pgx.Batch{}
		send.Queue(takeCounter, e.lock)
		send.Queue(hashStatement, ids, hashes)
		return e.upkeep.SendBatch(ctx, send).Close()
	})
	if err != nil {
		return 0, outcome(err)
	}
	return len(ids), nil
}
