package sqltest

import (
	"context"
	"errors"
	"fmt"
)

// StartStandby starts a standby of a PostgreSQL server, which streams from it through a port of the
// caller's choice, such as a proxy's. "SELECT pg_promote()" makes it a
// primary.
func StartStandby(ctx context.Context, primary *Server, port int) (*Server, error) {
	b := primary.brand
	b.install = func(s *Server, _ Options) error {
		copier := program("pg_basebackup", postgresPrograms)
		if copier == "" {
			return errors.New("pg_basebackup is not installed: on Debian, apt-get install postgresql-15 (or a later one)")
		}
		s.command.path = copier
		s.command.args = []string{"--pgdata=" + s.data, "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
			fmt.Sprintf("--dbname=host=127.0.0.1 port=%d user=postgres sslmode=disable gssencmode=disable", port)}
		if err := s.command.run(); err != nil {
			return err
		}
		s.command.path = primary.command.path
		s.command.args = []string{"-D", s.data, "-p", fmt.Sprint(s.port), "-h", "127.0.0.1", "-k", s.dir}
		return nil
	}
	return begin(ctx, b, Options{Own: true})
}
