package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var (
	hashlessQuery = "SELECT " + new(rows.Live).Keyed("s", "l").String() + `
		FROM ark_state s JOIN ark_log l ON l.id = s.id
		WHERE s.key_hash IS NULL LIMIT 1000`
	hashStatement = named.Dollars(`
		UPDATE ark_state s SET key_hash = r.hash FROM ` + unnest(hashed(nil, nil)) + `
		WHERE s.created = r.created`)
)

// hashed are the columns of keys that get their hashes.
func hashed(created []int64, hashes [][]byte) []column {
	return []column{{"created", "bigint", created}, {"hash", "bytea", hashes}}
}

// hashSome is mvcc.HashKeys' some. It does so in a turn of its own, because a batch locks rows in
// another order.
func (e *Engine) hashSome(ctx context.Context) (int, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	found, err := e.upkeep.Query(ctx, hashlessQuery)
	if err != nil {
		return 0, err
	}
	var ids []int64
	var hashes [][]byte
	var l rows.Live
	if _, err := pgx.ForEachRow(found, l.Keyed("s", "l").Into(), func() error {
		ids, hashes = append(ids, l.Created), append(hashes, mvcc.KeyHash(l.Key))
		return nil
	}); err != nil || len(ids) == 0 {
		return 0, err
	}
	err = e.withLock(ctx, e.lock, func() error {
		send := &pgx.Batch{}
		send.Queue(takeCounter, e.lock)
		send.Queue(hashStatement.Text, hashStatement.Args(arguments(nil, hashed(ids, hashes))...)...)
		return e.upkeep.SendBatch(ctx, send).Close()
	})
	if err != nil {
		return 0, outcome(err)
	}
	return len(ids), nil
}
