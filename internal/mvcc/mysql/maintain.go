package mysql

import (
	"context"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

var (
	maintainStatement = named.Questions("UPDATE ark_maintainer SET holder=:replica, until=" + nowMicros + "+:microseconds WHERE one=1 AND (holder=:replica OR until<" + nowMicros + ")")
	releaseStatement  = named.Questions("UPDATE ark_maintainer SET until=0 WHERE one=1 AND holder=:replica")
)

// Maintain implements mvcc.Shared.
func (e *Engine) Maintain(ctx context.Context, hold time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	res, err := e.looks.ExecContext(ctx, maintainStatement.Text, maintainStatement.Args(named.Arg("replica", e.replica), named.Arg("microseconds", hold.Microseconds()))...)
	if err != nil {
		return false, fmt.Errorf("claim the maintenance: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("claim the maintenance: %w", err)
	}
	e.holds.Store(n > 0)
	return n > 0, nil
}

// release gives the maintenance up; it ends by itself where that fails.
func (e *Engine) release() {
	if !e.holds.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(e.timeout, 2*time.Second))
	defer cancel()
	_, _ = e.looks.ExecContext(ctx, releaseStatement.Text, releaseStatement.Args(named.Arg("replica", e.replica))...)
}
