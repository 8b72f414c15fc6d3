package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var (
	maintainStatement = named.Dollars(`
		UPDATE ark_maintainer SET holder = :replica, until = clock_timestamp() + :microseconds::bigint * interval '1 microsecond'
		WHERE name = 'maintainer' AND (holder = :replica OR until < clock_timestamp())`)
	resignStatement = named.Dollars("UPDATE ark_maintainer SET until = '-infinity' WHERE name = 'maintainer' AND holder = :replica")

	// Two replicas may take themselves for the maintainer for a moment: they prune one
	// after the other, for they would lock rows in different orders.
	pruneTurn = "SELECT value FROM ark_meta WHERE name = 'pruned' FOR UPDATE"

	pruneReplacedStatement = named.Dollars(`
		DELETE FROM ark_log WHERE id IN (
			SELECT p.id FROM ark_log l CROSS JOIN LATERAL (
				SELECT id FROM ark_log p
				WHERE ` + rows.InRevision("p.id", "l.prev") + ` AND p.key = l.key LIMIT 1
			) p
			WHERE l.id >= :first AND l.id < :end AND l.prev > 0)`)
	pruneGoneStatement = named.Dollars("DELETE FROM ark_log WHERE id >= :first AND id < :end AND version = 0")
	prunedStatement    = named.Dollars(`
		UPDATE ark_meta SET value = greatest(:revision, ` + pruned + `)
		WHERE name IN ('pruned', 'witnessed')`)

	// A release that records no writers may have pruned since.
	witnessGapStatement = `
		UPDATE ark_meta SET value = ` + pruned + `
		WHERE name = 'unwitnessed' AND ` + pruned + ` <> ` + witnessed
	// The newest batch of each writer, before its rows go: see mvcc.Found.
	witnessStatement = named.Dollars(`
		INSERT INTO ark_meta (name, value)
		SELECT 'writer ' || (batch >> 31), max(batch) FROM ark_log WHERE id >= :first AND id < :end AND batch < 0 GROUP BY 1
		ON CONFLICT (name) DO UPDATE SET value = greatest(ark_meta.value, excluded.value)`)

	// Ended leases are kept for a while for the replicas that have yet to hear
	// of them.
	forgetStatement = named.Dollars(`
		WITH old AS (
			DELETE FROM ark_lease WHERE gone < :before RETURNING change
		)
		UPDATE ark_meta SET value = greatest(value, (SELECT max(change) FROM old)) WHERE name = 'forgotten' AND EXISTS (SELECT FROM old)`)
)

const (
	// endedLeaseLife is how long a replica may be out of touch without having to read
	// every lease again.
	endedLeaseLife = 10 * time.Minute
	sweepEvery     = time.Minute
)

// Maintain implements mvcc.Shared.
func (e *Engine) Maintain(ctx context.Context, hold time.Duration) (bool, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	e.holds.Store(true)
	tag, err := e.upkeep.Exec(ctx, maintainStatement.Text, maintainStatement.Args(named.Arg("replica", e.replica), named.Arg("microseconds", hold.Microseconds()))...)
	if err != nil {
		return false, fmt.Errorf("ask to be the maintainer: %w", err)
	}
	if tag.RowsAffected() == 0 {
		e.holds.Store(false)
		return false, nil
	}
	now := time.Now()
	if at := e.sweep.Load(); now.Unix() >= at && e.sweep.CompareAndSwap(at, now.Add(sweepEvery).Unix()) {
		if err := e.forget(ctx, now.Add(-endedLeaseLife)); err != nil {
			return true, err
		}
		// Replicas of an earlier release may still be writing.
		if _, err := e.hashSome(ctx); err != nil {
			return true, err
		}
	}
	return true, nil
}

// forget deletes the leases that ended before a time, in a turn of its own: a batch may
// grant one of them again, and lock rows in another order.
func (e *Engine) forget(ctx context.Context, before time.Time) error {
	send := &pgx.Batch{}
	send.Queue(takeCounter, e.lock)
	send.Queue(forgetStatement.Text, forgetStatement.Args(named.Arg("before", before.UnixMilli()))...)
	if err := e.upkeep.SendBatch(ctx, send).Close(); err != nil {
		return fmt.Errorf("delete ended leases: %w", err)
	}
	return nil
}

// resign gives up being the maintainer. If that fails, the hold expires.
func (e *Engine) resign() {
	if !e.holds.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(e.timeout, 2*time.Second))
	defer cancel()
	_, _ = e.upkeep.Exec(ctx, resignStatement.Text, resignStatement.Args(named.Arg("replica", e.replica))...)
}

// Prune implements mvcc.Engine: one round trip.
func (e *Engine) Prune(ctx context.Context, from, to int64) (int64, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	first, end := rows.Span(from, to)
	span := []named.Argument{named.Arg("first", first), named.Arg("end", end)}
	send := &pgx.Batch{}
	var gone int64
	count := func(tag pgconn.CommandTag) error { gone += tag.RowsAffected(); return nil }
	send.Queue(pruneTurn)
	send.Queue(witnessGapStatement)
	send.Queue(witnessStatement.Text, witnessStatement.Args(span...)...)
	send.Queue(pruneReplacedStatement.Text, pruneReplacedStatement.Args(span...)...).Exec(count)
	send.Queue(pruneGoneStatement.Text, pruneGoneStatement.Args(span...)...).Exec(count)
	send.Queue(prunedStatement.Text, prunedStatement.Args(named.Arg("revision", to))...)
	if err := e.upkeep.SendBatch(ctx, send).Close(); err != nil {
		return 0, fmt.Errorf("delete rows up to revision %d: %w", to, err)
	}
	return gone, nil
}

func sizeColumns(s *mvcc.Size) named.Columns {
	const side = "pg_total_relation_size('ark_side') + pg_total_relation_size('ark_side_batch')"
	return named.Columns{
		named.Col("pg_total_relation_size('ark_log') + pg_total_relation_size('ark_state') + pg_total_relation_size('ark_lease') + pg_total_relation_size('ark_meta') + "+side, &s.Total),
		named.Col(side, &s.Side),
	}
}

// Size implements mvcc.Engine.
func (e *Engine) Size(ctx context.Context) (mvcc.Size, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	var size mvcc.Size
	columns := sizeColumns(&size)
	if err := e.readers.QueryRow(ctx, "SELECT "+columns.String()).Scan(columns.Into()...); err != nil {
		return mvcc.Size{}, fmt.Errorf("measure the database: %w", err)
	}
	return size, nil
}
