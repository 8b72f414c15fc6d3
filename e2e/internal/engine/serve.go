package engine

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/mckinsey/ark-server/internal/sqltest"
)

// Serve starts a server with its default settings, which are durable, and an empty database on it,
// for programs that are not tests. For SQLite it is a file in dir. stop ends the server.
func Serve(ctx context.Context, storage, dir string) (p Place, stop func() error, err error) {
	p.Storage = storage
	if storage == SQLite {
		p.Path = filepath.Join(dir, "ark.db")
		return p, func() error { return nil }, nil
	}
	ctx = context.WithoutCancel(ctx)
	s, err := start(ctx, storage, sqltest.Options{})
	if err != nil {
		return p, nil, err
	}
	if p.Config, _, err = s.CreateDatabase(ctx); err != nil {
		return p, nil, errors.Join(err, s.Stop())
	}
	return p, s.Stop, nil
}
