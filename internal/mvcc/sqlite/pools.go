package sqlite

import (
	"database/sql"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Pools implements mvcc.Pooled.
func (e *Engine) Pools() []mvcc.Pool {
	return []mvcc.Pool{poolOf("writer", e.writerDB), poolOf("readers", e.readers)}
}

func poolOf(name string, db *sql.DB) mvcc.Pool {
	s := db.Stats()
	return mvcc.Pool{
		Name: name, Max: s.MaxOpenConnections, Open: s.OpenConnections, InUse: s.InUse, Idle: s.Idle,
		Opened: -1, Waits: s.WaitCount, WaitTime: s.WaitDuration,
	}
}
