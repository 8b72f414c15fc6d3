package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/sqltest"
)

// Serve starts a server with its default settings, durable ones, and an empty database on it, for programs that are no tests. stop ends the
// server.
func Serve(ctx context.Context, storage string) (p Place, stop func() error, err error) {
	p.Storage = storage
	ctx = context.WithoutCancel(ctx)
	switch storage {
	case PostgreSQL:
		s, err := sqltest.StartPostgres(ctx, sqltest.PostgresOptions{})
		if err != nil {
			return p, nil, err
		}
		p.Config, _, err = s.CreateDatabase(ctx)
		return orStop(p, s.Stop, err)
	case MySQL:
		s, err := sqltest.StartMariaDB(ctx, sqltest.MariaDBOptions{})
		if err != nil {
			return p, nil, err
		}
		p.Config, _, err = s.CreateDatabase(ctx)
		return orStop(p, s.Stop, err)
	}
	return p, nil, fmt.Errorf("there is no server for storage %q", storage)
}

func orStop(p Place, stop func() error, err error) (Place, func() error, error) {
	if err != nil {
		return p, nil, errors.Join(err, stop())
	}
	return p, stop, nil
}
