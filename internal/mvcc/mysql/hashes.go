package mysql

import (
	"context"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	hashlessQuery = "SELECT s.created, l.`key` FROM ark_state s FORCE INDEX (live_key) JOIN ark_log l ON l.id=s.id WHERE s.key_hash IS NULL LIMIT ?"
	hashStatement = "UPDATE ark_state SET key_hash=X'%x' WHERE created=%d"
	// waitForTurn changes nothing: it locks the counter, as a batch does.
	waitForTurn = "UPDATE ark_counter SET batch=batch WHERE one=1"
)

// hashSome is mvcc.HashKeys' some. It does so in a turn of its own, because a batch locks rows in
// another order.
func (e *Engine) hashSome(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	rows, err := e.pruner.QueryContext(ctx, hashlessQuery, findMany)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	s := newScript(int(e.maxPacket.Load()))
	s.statement("START TRANSACTION")
	s.statement(waitForTurn)
	n := 0
	for ; rows.Next(); n++ {
		var created int64
		var key []byte
		if err := rows.Scan(&created, &key); err != nil {
			return 0, err
		}
		s.statement(hashStatement, mvcc.KeyHash(key), created)
	}
	if err := rows.Err(); err != nil || n == 0 {
		return 0, err
	}
	conn, err := e.pruner.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := e.send(ctx, conn, s); err != nil {
		return 0, err
	}
	return n, nil
}
