package sqltest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/database"
)

// PostgresDSN names the environment variable with the DSN of a running server
// that the tests are to use instead of one of their own. Its user must be allowed
// to create databases.
const PostgresDSN = "ARK_TEST_POSTGRES_DSN"

// Postgres is a server shared by the tests of one binary, started when the first
// of them asks for a database. The zero value is ready.
type Postgres struct{ shared }

// Database creates an empty database for the test, and drops it at its end.
func (p *Postgres) Database(t testing.TB) database.Config {
	t.Helper()
	return p.database(t, StartPostgres)
}

// PostgresVersion returns the major version of the server that StartPostgres starts.
func PostgresVersion(ctx context.Context) (int, error) {
	path := program("postgres", postgresPrograms)
	if path == "" {
		return 0, errors.New("postgres is not installed")
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("%s --version: %w", path, err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "postgres (PostgreSQL) %d", &major); err != nil {
		return 0, fmt.Errorf("%s --version: %q: %w", path, out, err)
	}
	return major, nil
}

// postgresPrograms is where Debian has them.
const postgresPrograms = "/usr/lib/postgresql/*/bin"

// StartPostgres starts a PostgreSQL server, or takes the one that PostgresDSN names.
func StartPostgres(ctx context.Context, opts Options) (*Server, error) {
	return begin(ctx, brand{
		name: "PostgreSQL", variable: PostgresDSN, owner: "postgres", user: "postgres",
		halt: syscall.SIGINT, dropping: " WITH (FORCE)",
		install: installPostgres, exec: execPostgres,
		uri:     "postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable",
		replace: withDatabase,
	}, opts)
}

func installPostgres(s *Server, opts Options) error {
	initdb, postgres := program("initdb", postgresPrograms), program("postgres", postgresPrograms)
	if initdb == "" || postgres == "" {
		return fmt.Errorf("initdb and postgres are not installed: on Debian, apt-get install postgresql-15 (or a later one), or name a running server in %s", PostgresDSN)
	}
	s.command.path = initdb
	s.command.args = []string{"-D", s.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"}
	if !opts.NoChecksums {
		s.command.args = append(s.command.args, "--data-checksums")
	}
	if opts.Wrap != nil {
		s.command.args = append(s.command.args, "--wal-segsize=1") // for the small disk
	}
	if opts.WAL != "" {
		s.command.args = append(s.command.args, "--waldir="+opts.WAL)
	}
	if err := s.command.run(); err != nil {
		return err
	}
	settings := append([]string{"log_line_prefix = '%m [%p] '"}, opts.Settings...)
	args := []string{"-D", s.data, "-p", fmt.Sprint(s.port), "-h", "127.0.0.1", "-k", s.dir}
	if opts.NoFsync {
		settings = append(settings, "fsync = off")
	}
	if opts.Certificate != nil {
		cert, key, err := s.writeCertificate(opts)
		if err != nil {
			return err
		}
		settings = append(settings, "ssl = on", "ssl_cert_file = '"+cert+"'", "ssl_key_file = '"+key+"'")
	}
	config, err := s.write("postgresql.conf", []byte(strings.Join(settings, "\n")+"\n"))
	if err != nil {
		return err
	}
	args = append(args, "-c", "config_file="+config)
	if opts.Access != nil {
		lines := append([]string{"local all postgres trust"}, opts.Access...)
		access, err := s.write("pg_hba.conf", []byte(strings.Join(lines, "\n")+"\n"))
		if err != nil {
			return err
		}
		args = append(args, "-c", "hba_file="+access)
	}
	s.command.path, s.command.args = postgres, args
	return nil
}

func execPostgres(ctx context.Context, s *Server, statement string) error {
	dsn := s.dsn
	if dsn == "" {
		dsn = fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres sslmode=disable", filepath.Clean(s.dir), s.port)
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// withDatabase replaces the database in a DSN of either notation.
func withDatabase(dsn, name string) (string, error) {
	if !strings.Contains(dsn, "://") {
		return dsn + " dbname=" + name, nil // the last one counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("%s is no valid URL", PostgresDSN)
	}
	u.Path = "/" + name
	return u.String(), nil
}
