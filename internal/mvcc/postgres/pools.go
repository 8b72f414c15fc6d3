package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

var _ mvcc.Pooled = (*Engine)(nil)

// Pools implements mvcc.Pooled.
func (e *Engine) Pools() []mvcc.Pool {
	return []mvcc.Pool{poolOf("writer", e.writer), poolOf("upkeep", e.upkeep), poolOf("readers", e.readers)}
}

func poolOf(name string, p *pgxpool.Pool) mvcc.Pool {
	s := p.Stat()
	return mvcc.Pool{
		Name: name, Max: int(s.MaxConns()), Open: int(s.TotalConns()), InUse: int(s.AcquiredConns()), Idle: int(s.IdleConns()),
		Opened: s.NewConnsCount(), Waits: s.EmptyAcquireCount(), WaitTime: s.EmptyAcquireWaitTime(),
	}
}

// system is how OpenTelemetry calls the database.
var system = mvcc.Attribute{Key: "db.system.name", Value: "postgresql"}
