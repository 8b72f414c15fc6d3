package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// Commit implements mvcc.Shared: one round trip. The statements go out together
// and are one transaction because nothing but the last asks the server to commit:
// the first takes the counter, and the second, which so sees everything committed
// before, writes if the database is where the batch supposes it to be.
func (e *Engine) Commit(ctx context.Context, b *mvcc.Batch) error {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	conn, err := e.writer.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to write: %w", e.explain(err))
	}
	defer conn.Release()
	defer e.pace.Stored()
	var wrote verdict
	err = e.withLock(ctx, e.lock, func() error {
		send := &pgx.Batch{}
		send.Queue(takeCounter, e.lock)
		e.queueWrite(send, b, &wrote)
		return sendWrite(ctx, conn, send)
	})
	if err != nil {
		return e.failed(ctx, conn, fmt.Errorf("commit: %w", err))
	}
	return wrote.err()
}

// withLock calls take, which waits for an advisory lock first, such as the counter's, until it has
// not waited in vain or there is no time left. A refusal of the lock means that nothing was done.
func (e *Engine) withLock(ctx context.Context, lock int64, take func() error) error {
	for {
		err := take()
		if code(err) != codeLockTimeout {
			return err
		}
		e.evict(ctx, lock)
		deadline, ok := ctx.Deadline()
		if ctx.Err() != nil || ok && time.Until(deadline) < e.lockWait() {
			return err
		}
	}
}

// sendWrite sends statements of which the last one commits.
func sendWrite(ctx context.Context, conn *pgxpool.Conn, send *pgx.Batch) error {
	ctx, end := mvcc.StartSpan(ctx, "INSERT ark_log, ark_state; COMMIT", system)
	err := conn.SendBatch(ctx, send).Close()
	end(err)
	return err
}

// InTurn implements mvcc.Shared: two round trips beside what decide does.
func (e *Engine) InTurn(ctx context.Context, decide func(context.Context, mvcc.Position) (*mvcc.Batch, error)) error {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	conn, err := e.writer.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to write: %w", e.explain(err))
	}
	defer conn.Release()
	defer e.pace.Stored()
	turn, end := mvcc.StartSpan(ctx, "pg_advisory_xact_lock", system)
	at, err := e.takeTurn(turn, conn)
	end(err)
	if err != nil {
		return err
	}
	b, err := mvcc.KeepTurn(func() error { return conn.Ping(ctx) }, func() (*mvcc.Batch, error) { return decide(ctx, at) })
	if errors.Is(err, mvcc.ErrTurnLost) {
		_ = conn.Conn().Close(ctx) // it has ended
	}
	if err != nil || b == nil || b.Empty() {
		e.rollback(ctx, conn)
		return err
	}
	var wrote verdict
	send := &pgx.Batch{}
	e.queueWrite(send, b, &wrote)
	queueCommit(send)
	if err := sendWrite(ctx, conn, send); err != nil {
		return e.failed(ctx, conn, fmt.Errorf("commit: %w", err))
	}
	return wrote.err()
}

// takeTurn begins a transaction that holds the counter, and says where it is.
func (e *Engine) takeTurn(ctx context.Context, conn *pgxpool.Conn) (mvcc.Position, error) {
	var r mvcc.Reading
	err := e.withLock(ctx, e.lock, func() error {
		send := &pgx.Batch{}
		send.Queue(beginStatement)
		send.Queue(takeCounter, e.lock)
		send.Queue(readQuery).QueryRow(func(row pgx.Row) error { return scanReading(row, &r) })
		return e.sendOrRollback(ctx, conn, send)
	})
	if err != nil {
		return r.Position, fmt.Errorf("wait for the counter: %w", err)
	}
	return r.Position, nil
}

const beginStatement = "BEGIN ISOLATION LEVEL READ COMMITTED"

// queueCommit ends a transaction, and finds out if the server rolled it back
// instead.
func queueCommit(send *pgx.Batch) {
	send.Queue("COMMIT").Query(func(rows pgx.Rows) error {
		rows.Close()
		if rows.Err() == nil && rows.CommandTag().String() != "COMMIT" {
			return errors.New("the server answered " + rows.CommandTag().String())
		}
		return rows.Err()
	})
}

// rollback ends a transaction without a trace. Where it cannot, the pool gives
// up the connection, which has the same effect.
func (e *Engine) rollback(ctx context.Context, conn *pgxpool.Conn) {
	if conn.Conn().IsClosed() || conn.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.timeout)
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK")
}

// sendOrRollback sends the statements of a transaction, and ends it where one fails.
func (e *Engine) sendOrRollback(ctx context.Context, conn *pgxpool.Conn, send *pgx.Batch) error {
	err := conn.SendBatch(ctx, send).Close()
	if err != nil {
		e.rollback(ctx, conn)
	}
	return err
}

// failed sorts out a failure to commit.
func (e *Engine) failed(ctx context.Context, conn *pgxpool.Conn, err error) error {
	e.rollback(ctx, conn)
	if code(err) == codeReadOnly {
		// The server has become a standby: the next connection may find the primary.
		_ = conn.Conn().Close(ctx)
	}
	return outcome(err)
}

// evict frees a lock of a session that holds it while its replica does not
// speak, such as one whose machine is frozen. It is called when the
// lock could not be had in time.
func (e *Engine) evict(ctx context.Context, lock int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.timeout)
	defer cancel()
	var n int
	err := e.upkeep.QueryRow(ctx, evictQuery.Text, evictQuery.Args(named.Arg("lock", lock), named.Arg("milliseconds", e.lockWait().Milliseconds()))...).Scan(&n)
	if err == nil && n > 0 {
		e.log.Warn("ended a session that held the counter without using it", "sessions", n)
	}
}

// Settle implements mvcc.Shared. It writes even where the batch is there: once
// that write has reached the standbys that a commit waits for, so has the batch.
func (e *Engine) Settle(ctx context.Context, b *mvcc.Batch) (bool, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	conn, err := e.upkeep.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("connect to find a batch: %w", e.explain(err))
	}
	defer conn.Release()
	var there bool
	first, end := rows.Span(b.Base.Revision, b.After().Revision)
	settle := settleStatement.Args(named.Arg("first", first), named.Arg("end", end), named.Arg("batch", b.ID))
	err = e.withLock(ctx, e.lock, func() error {
		send := &pgx.Batch{}
		send.Queue(beginStatement)
		send.Queue(takeCounter, e.lock)
		send.Queue(settleStatement.Text, settle...).QueryRow(func(row pgx.Row) error { return row.Scan(&there) })
		queueCommit(send)
		return e.sendOrRollback(ctx, conn, send)
	})
	if err != nil {
		return false, fmt.Errorf("find a batch: %w", err)
	}
	return there, nil
}
