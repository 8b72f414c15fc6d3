package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// deadlockTries is how often a batch is sent that the server gives up for
// another transaction. Our own never meet in a deadlock; on a Galera cluster it is how
// a replica at another node says that it was first.
const deadlockTries = 3

// Commit implements mvcc.Engine. It takes one round trip, unless the batch exceeds
// what the server takes in one packet.
func (e *Engine) Commit(ctx context.Context, b *mvcc.Batch) error {
	e.seen.expect(b.After())
	defer e.pace.Stored()
	var err error
	for range deadlockTries {
		if err = e.commit(ctx, b); number(err) != errDeadlock || errors.Is(err, mvcc.ErrUnknownOutcome) {
			break
		}
	}
	if errors.Is(err, mvcc.ErrMoved) {
		e.seen.others()
	}
	return err
}

func (e *Engine) commit(ctx context.Context, b *mvcc.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	s := newScript(int(e.maxPacket.Load()))
	s.text(startTransaction)
	s.batch(b)
	if len(s.packets) > 0 {
		// The server waits for further packets while the batch holds the counter.
		s.text([]byte(e.endTurn()))
		if _, err := conn.ExecContext(ctx, holdTurn); err != nil {
			e.rollback(conn, err)
			return classify(fmt.Errorf("write to the database: %w", err), false)
		}
	}
	return e.send(ctx, conn, s)
}

// send sends a script that began, or goes on with, a transaction, commits, and
// says what became of it.
func (e *Engine) send(ctx context.Context, conn *sql.Conn, s *script) error {
	packets := s.done("COMMIT")
	for i, text := range packets {
		name := "INSERT ark_log, ark_state"
		if i == len(packets)-1 {
			name = "INSERT ark_log, ark_state; COMMIT"
		}
		_, end := mvcc.StartSpan(ctx, name, system)
		_, err := conn.ExecContext(ctx, string(text))
		end(err)
		if err != nil {
			doubt := i == len(packets)-1 && !undone(err) && !e.inTransaction(ctx, conn, err)
			e.rollback(conn, err)
			return classify(fmt.Errorf("write to the database: %w", err), doubt)
		}
	}
	return nil
}

// inTransaction reports whether the session's transaction is still open after the server
// answered a text that ends with COMMIT with an error: the COMMIT has then not been carried
// out. Without an answer of the server nothing is known.
func (e *Engine) inTransaction(ctx context.Context, conn *sql.Conn, err error) bool {
	if number(err) == 0 {
		return false
	}
	// The server refuses to change what an open transaction began with.
	_, err = conn.ExecContext(ctx, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
	return number(err) == errInTransaction
}

// rollback ends a transaction after an error, or the connection where that does not
// work. Only a server's own answer leaves a connection in a state that we know.
func (e *Engine) rollback(conn *sql.Conn, err error) {
	if err != nil && (number(err) == 0 || isReadOnly(err)) {
		discard(conn)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(e.timeout, 2*time.Second))
	defer cancel()
	if _, err := conn.ExecContext(ctx, "ROLLBACK; "+e.endTurn()); err != nil {
		discard(conn)
	}
}

// InTurn implements mvcc.Shared. It takes two round trips, beside those of decide.
func (e *Engine) InTurn(ctx context.Context, decide func(context.Context, mvcc.Position) (*mvcc.Batch, error)) error {
	turn, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.writer.Conn(turn)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer e.pace.Stored()
	_, end := mvcc.StartSpan(ctx, "SELECT ark_counter FOR UPDATE", system)
	at, err := e.takeTurn(turn, conn)
	end(err)
	if err != nil {
		e.rollback(conn, err)
		return classify(fmt.Errorf("take a turn with the revision counter: %w", err), false)
	}
	say := func() error {
		_, err := conn.ExecContext(turn, "DO 0")
		return err
	}
	b, err := mvcc.KeepTurn(say, func() (*mvcc.Batch, error) { return decide(turn, at) })
	if errors.Is(err, mvcc.ErrTurnLost) {
		discard(conn)
	}
	if err != nil || b == nil || b.Empty() {
		e.rollback(conn, nil)
		return err
	}
	e.seen.expect(b.After())
	ctx, cancel = context.WithTimeout(ctx, e.timeout)
	defer cancel()
	s := newScript(int(e.maxPacket.Load()))
	s.batch(b)
	s.text([]byte(e.endTurn()))
	return e.send(ctx, conn, s)
}

// takeTurn waits for the counter, and locks it.
func (e *Engine) takeTurn(ctx context.Context, conn *sql.Conn) (at mvcc.Position, err error) {
	found, err := conn.QueryContext(ctx, holdTurn+"; START TRANSACTION; "+turnQuery)
	if err != nil {
		return at, err
	}
	return at, scanOne(found, positionColumns(&at).Into()...)
}

var turnQuery = "SELECT " + positionColumns(&mvcc.Position{}).String() + " FROM ark_counter c WHERE c.one=1 FOR UPDATE"

// Settle implements mvcc.Shared. It waits for the transaction in doubt, if that
// still runs, because it holds the counter.
//
// Should rows of the batch have been pruned since, all of them, it says false.
func (e *Engine) Settle(ctx context.Context, b *mvcc.Batch) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.writer.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	first, end := rows.Span(b.Base.Revision, b.After().Revision)
	text := settleQuery.Append([]byte("START TRANSACTION; "+fenceStatement+"; "), literal,
		named.Arg("batch", b.ID), named.Arg("first", first), named.Arg("end", end))
	answer, err := conn.QueryContext(ctx, string(text)+"; COMMIT")
	found := false
	if err == nil {
		err = scanOne(answer, &found)
	}
	if err != nil {
		e.rollback(conn, err)
		return false, classify(fmt.Errorf("settle a batch: %w", err), false)
	}
	return found, nil
}

const fenceStatement = "UPDATE ark_counter SET changes=changes+1 WHERE one=1"

var settleQuery = named.Questions("SELECT (SELECT batch=:batch FROM ark_counter WHERE one=1)" +
	" OR EXISTS(SELECT 1 FROM ark_log WHERE id>=:first AND id<:end AND batch=:batch)")

// scanOne reads the one row of a result, and to the end of what follows.
func scanOne(found *sql.Rows, into ...any) error {
	defer found.Close()
	if !found.Next() {
		return errors.Join(found.Err(), errNoRow)
	}
	if err := found.Scan(into...); err != nil {
		return err
	}
	for found.Next() || found.NextResultSet() {
	}
	return found.Err()
}

// errNoRow: a table that has one row has none.
var errNoRow = errors.New("the database is damaged, a row is missing that is always there: restore a backup")
