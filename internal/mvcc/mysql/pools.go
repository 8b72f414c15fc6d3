package mysql

import (
	"database/sql"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

var _ mvcc.Pooled = (*Engine)(nil)

// Pools implements mvcc.Pooled.
func (e *Engine) Pools() []mvcc.Pool {
	return []mvcc.Pool{poolOf("writer", e.writer), poolOf("pruner", e.pruner), poolOf("looks", e.looks), poolOf("readers", e.readers)}
}

func poolOf(name string, db *sql.DB) mvcc.Pool {
	s := db.Stats()
	opened := int64(-1)
	if c, ok := db.Driver().(countingDriver); ok {
		opened = c.opened.Load()
	}
	return mvcc.Pool{
		Name: name, Max: s.MaxOpenConnections, Open: s.OpenConnections, InUse: s.InUse, Idle: s.Idle,
		Opened: opened, Waits: s.WaitCount, WaitTime: s.WaitDuration,
	}
}

// system is how OpenTelemetry calls the database.
var system = mvcc.Attribute{Key: "db.system.name", Value: "mysql"}
