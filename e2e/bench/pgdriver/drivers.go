package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/lib/pq"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

const defaultLength = 2 * time.Second

const schema = `
	CREATE TABLE log (id bigint PRIMARY KEY, key bytea NOT NULL, value bytea, created bigint NOT NULL, version bigint NOT NULL,
		lease bigint NOT NULL, prev bigint NOT NULL, at bigint NOT NULL, "user" text);
	CREATE TABLE state (created bigint PRIMARY KEY, id bigint NOT NULL)`

// take and write are the engine's two statements, without the columns that are handled like these.
const (
	take  = "SELECT pg_advisory_xact_lock(4711)"
	write = `
	WITH turn AS MATERIALIZED (SELECT coalesce((SELECT max(id) FROM log), 0) < $1::bigint AS ok), appended AS (
		INSERT INTO log SELECT * FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[])
		WHERE (SELECT ok FROM turn)
	), put AS (
		INSERT INTO state SELECT * FROM unnest($5::bigint[], $2::bigint[]) WHERE (SELECT ok FROM turn)
		ON CONFLICT (created) DO UPDATE SET id = excluded.id
	) SELECT ok FROM turn`
)

// batch is n revisions of 1 KiB, beginning with id.
type batch struct {
	first                                int64
	id, created, version, zero, prev, at []int64
	key, value                           [][]byte
	user                                 []string
}

func newBatch(first int64, n int) *batch {
	b := &batch{first: first}
	for i := range int64(n) {
		id := first + i
		b.id = append(b.id, id)
		b.created = append(b.created, id)
		b.version = append(b.version, 1)
		b.zero = append(b.zero, 0)
		b.prev = append(b.prev, 0)
		b.at = append(b.at, 1_700_000_000_000)
		b.key = append(b.key, fmt.Appendf(nil, "/registry/ark.mckinsey.com/queries/default/q%012d", id))
		b.value = append(b.value, make([]byte, 1024))
		b.user = append(b.user, "system:serviceaccount:ark:controller")
	}
	return b
}

// driver commits batches over one connection.
type driver struct {
	name   string
	commit func(context.Context, *batch) error
}

func drivers(ctx context.Context, dsn string, length time.Duration, rounds int) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, schema); err != nil {
		return err
	}
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	pqConn, err := newPQ(ctx, db)
	if err != nil {
		return err
	}
	systems := []driver{
		{"pq", pqConn.commit},
		{"pgx, same calls", func(ctx context.Context, b *batch) error { return pgxCalls(ctx, conn, b) }},
		{"pgx, pipelined", func(ctx context.Context, b *batch) error { return pgxPipelined(ctx, conn, b) }},
	}
	fmt.Println("Batches over one connection, fsync on; median of", rounds, "rounds")
	table := measure.NewTable(os.Stdout, "revisions", "driver", "revisions/s", "p50 ms", "p99 ms", "times pq")
	next := int64(1)
	for _, n := range []int{1, 16, 64} {
		series := make([]measure.Series, len(systems))
		for range rounds {
			for i, d := range systems {
				s := measure.Run(ctx, 1, length, func(ctx context.Context, _, _ int) error {
					b := newBatch(next, n)
					next += int64(n)
					return d.commit(ctx, b)
				})
				if s.FirstError != nil {
					return fmt.Errorf("%s: %w", d.name, s.FirstError)
				}
				series[i] = append(series[i], s)
			}
		}
		base := series[0].Median().Rate
		for i, d := range systems {
			m := series[i].Median()
			table.Row(fmt.Sprint(n), d.name, measure.Rate(m.Rate*float64(n)), measure.Millis(m.P50), measure.Millis(m.P99), measure.Ratio(m.Rate, base))
		}
	}
	return table.Flush()
}

func pgxPipelined(ctx context.Context, conn *pgx.Conn, b *batch) error {
	var ok bool
	send := &pgx.Batch{}
	send.Queue(take)
	send.Queue(write, b.args()...).QueryRow(func(row pgx.Row) error { return row.Scan(&ok) })
	return landed(conn.SendBatch(ctx, send).Close(), &ok)
}

func pgxCalls(ctx context.Context, conn *pgx.Conn, b *batch) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, take); err != nil {
		return err
	}
	var ok bool
	if err := tx.QueryRow(ctx, write, b.args()...).Scan(&ok); err != nil {
		return err
	}
	return landed(tx.Commit(ctx), &ok)
}

func landed(err error, ok *bool) error {
	if err == nil && !*ok {
		err = fmt.Errorf("nothing was written")
	}
	return err
}

func (b *batch) args() []any {
	return []any{b.first, b.id, b.key, b.value, b.created, b.version, b.zero, b.prev, b.at, b.user}
}

// pqConn is a connection of lib/pq with prepared statements. It does not pipeline: each statement
// is a round trip.
type pqConn struct {
	conn        *sql.Conn
	take, write *sql.Stmt
}

func newPQ(ctx context.Context, db *sql.DB) (*pqConn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	p := &pqConn{conn: conn}
	if p.take, err = conn.PrepareContext(ctx, take); err != nil {
		return nil, err
	}
	p.write, err = conn.PrepareContext(ctx, write)
	return p, err
}

func (p *pqConn) commit(ctx context.Context, b *batch) error {
	// A sql.Tx would prepare the statements again.
	if _, err := p.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if _, err := p.take.ExecContext(ctx); err != nil {
		return err
	}
	var ok bool
	if err := p.write.QueryRowContext(ctx, b.first, pq.Array(b.id), pq.ByteaArray(b.key), pq.ByteaArray(b.value),
		pq.Array(b.created), pq.Array(b.version), pq.Array(b.zero), pq.Array(b.prev), pq.Array(b.at), pq.Array(b.user)).Scan(&ok); err != nil {
		return err
	}
	_, err := p.conn.ExecContext(ctx, "COMMIT")
	return landed(err, &ok)
}
