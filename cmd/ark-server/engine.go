package main

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// place names a database: with its flag for errors, and in words for the start-up lines.
type place struct{ flag, summary string }

func (o *options) where() place {
	return place{flag: "--db-path=" + o.dbPath, summary: "sqlite in " + o.dbPath}
}

// openEngine opens the database that the flags name.
func openEngine(ctx context.Context, o *options) (mvcc.Engine, error) {
	engine, err := sqlite.Open(ctx, o.dbPath, sqlite.Options{Relaxed: o.dbSynchronous == "normal"})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.where().flag, err)
	}
	return engine, nil
}
