package mysql

import (
	"context"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var (
	hashlessQuery = named.Questions("SELECT " + new(rows.Live).Keyed("s", "l").String() +
		" FROM ark_state s FORCE INDEX (live_key) JOIN ark_log l ON l.id=s.id WHERE s.key_hash IS NULL LIMIT :most")
	hashStatement = named.Questions("UPDATE ark_state SET key_hash=:hash WHERE created=:created")
	// waitForTurn changes nothing: it locks the counter, as a batch does.
	waitForTurn = []byte("UPDATE ark_counter SET batch=batch WHERE one=1")
)

// hashSome is mvcc.HashKeys' some. It does so in a turn of its own, because a batch locks rows in
// another order.
func (e *Engine) hashSome(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	found, err := e.pruner.QueryContext(ctx, hashlessQuery.Text, hashlessQuery.Args(named.Arg("most", findMany))...)
	if err != nil {
		return 0, err
	}
	defer found.Close()
	s := newScript(int(e.maxPacket.Load()))
	s.text(startTransaction)
	s.text(waitForTurn)
	n := 0
	var l rows.Live
	into := l.Keyed("s", "l").Into()
	for ; found.Next(); n++ {
		if err := found.Scan(into...); err != nil {
			return 0, err
		}
		s.statement(hashStatement, named.Arg("hash", mvcc.KeyHash(l.Key)), named.Arg("created", l.Created))
	}
	if err := found.Err(); err != nil || n == 0 {
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
