package engine

import (
	"context"
	"errors"

	"github.com/mckinsey/ark-server/internal/sqltest"
)

// Serve starts a server with its default settings, durable ones, and an empty database on it, for programs that are no tests. stop ends the
// server.
func Serve(ctx context.Context, storage string) (p Place, stop func() error, err error) {
	p.Storage = storage
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
