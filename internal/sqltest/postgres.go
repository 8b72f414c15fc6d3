package sqltest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/database"
)

// PostgresDSN names the environment variable with the DSN of a running server
// that the tests are to use instead of one of their own. Its user must be allowed
// to create databases.
const PostgresDSN = "ARK_TEST_POSTGRES_DSN"

// Postgres is a server shared by the tests of one binary, started when the first
// of them asks for a database. The zero value is ready.
type Postgres struct {
	once   sync.Once
	server *PostgresServer
	err    error
}

// Database creates an empty database for the test, and drops it at its end.
func (p *Postgres) Database(t testing.TB) database.Config {
	t.Helper()
	p.once.Do(func() { p.server, p.err = StartPostgres(t.Context(), PostgresOptions{}) })
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.server.Database(t)
}

// Stop stops the server if it was started.
func (p *Postgres) Stop() {
	if p.server == nil {
		return
	}
	if err := p.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "sqltest:", err)
	}
}

// PostgresOptions of a server of one's own.
type PostgresOptions struct {
	// NoFsync lets the server acknowledge commits that are not on disk.
	NoFsync bool
	// Own starts a server even where PostgresDSN names one: for tests that stop or
	// configure it.
	Own bool
	// Settings are lines of postgresql.conf, such as "log_statement = all".
	Settings []string
	// Access replaces the lines of pg_hba.conf, which trust everybody.
	Access []string
	// Certificate and Key are PEM; with them the server offers TLS.
	Certificate, Key []byte
}

// PostgresServer is a PostgreSQL server, with its files in a temporary folder
// unless it is one that PostgresDSN names.
type PostgresServer struct {
	dir     string
	port    int
	dsn     string // of PostgresDSN
	command command
	process *process
	created atomic.Int64
}

// StartPostgres starts a server, or takes the one that PostgresDSN names.
func StartPostgres(ctx context.Context, opts PostgresOptions) (*PostgresServer, error) {
	s := &PostgresServer{}
	if dsn := os.Getenv(PostgresDSN); dsn != "" && !opts.Own {
		dir, err := folder("ark-postgres-", nil)
		if err != nil {
			return nil, err
		}
		s.dir, s.dsn = dir, dsn
		if err := s.admin(ctx, "SELECT 1"); err != nil {
			return nil, errors.Join(fmt.Errorf("reach the server that %s names: %w", PostgresDSN, err), os.RemoveAll(dir))
		}
		return s, nil
	}
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("start a PostgreSQL server: %w", err), s.Stop())
	}
	return s, nil
}

func (s *PostgresServer) start(ctx context.Context, opts PostgresOptions) error {
	const debian = "/usr/lib/postgresql/*/bin"
	initdb, postgres := program("initdb", debian), program("postgres", debian)
	if initdb == "" || postgres == "" {
		return fmt.Errorf("initdb and postgres are not installed: on Debian, apt-get install postgresql-15 (or a later one), or name a running server in %s", PostgresDSN)
	}
	owner, err := unprivileged("postgres")
	if err != nil {
		return err
	}
	if s.dir, err = folder("ark-postgres-", owner); err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	if err := (command{path: initdb, dir: s.dir, credential: owner, args: []string{
		"-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
	}}).run(); err != nil {
		return err
	}
	args := []string{"-D", data, "-p", fmt.Sprint(s.port), "-h", "127.0.0.1", "-k", s.dir}
	settings := append([]string{"log_line_prefix = '%m [%p] '"}, opts.Settings...)
	if opts.NoFsync {
		settings = append(settings, "fsync = off")
	}
	if opts.Certificate != nil {
		settings = append(settings, "ssl = on")
		if err := s.write(data, "server.crt", opts.Certificate, owner); err != nil {
			return err
		}
		if err := s.write(data, "server.key", opts.Key, owner); err != nil {
			return err
		}
	}
	if err := s.write(data, "postgresql.conf", []byte(strings.Join(settings, "\n")+"\n"), owner); err != nil {
		return err
	}
	if opts.Access != nil {
		access := strings.Join(append([]string{"local all postgres trust"}, opts.Access...), "\n") + "\n"
		if err := s.write(data, "pg_hba.conf", []byte(access), owner); err != nil {
			return err
		}
	}
	s.command = command{path: postgres, args: args, dir: s.dir, credential: owner}
	return s.Restart(ctx)
}

func (s *PostgresServer) write(dir, name string, text []byte, owner *syscall.Credential) error {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	if owner == nil {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

// Restart starts the server again after Kill or Halt, on the same port and data.
func (s *PostgresServer) Restart(ctx context.Context) error {
	p, err := s.command.start()
	if err != nil {
		return err
	}
	s.process = p
	return p.ready(func() error { return s.admin(ctx, "SELECT 1") })
}

// Kill ends all of the server's processes at once, as a crash would.
func (s *PostgresServer) Kill() {
	s.process.kill()
	s.process = nil
}

// Halt shuts the server down and keeps its data for Restart.
func (s *PostgresServer) Halt() error {
	if s.process == nil {
		return nil
	}
	err := s.process.stop(syscall.SIGINT) // breaks connections off
	s.process = nil
	if err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}

// Stop shuts the server down, if it is not one that PostgresDSN names, and deletes
// its files.
func (s *PostgresServer) Stop() error {
	return errors.Join(s.Halt(), os.RemoveAll(s.dir))
}

// Log is the last of what the server has logged since it was started.
func (s *PostgresServer) Log() string {
	if s.process == nil {
		return ""
	}
	return s.process.output.String()
}

// Address is the server's TCP address; empty for one that PostgresDSN names.
func (s *PostgresServer) Address() string {
	if s.dsn != "" {
		return ""
	}
	return fmt.Sprintf("127.0.0.1:%d", s.port)
}

// Database creates an empty database for the test, and drops it at its end.
func (s *PostgresServer) Database(t testing.TB) database.Config {
	t.Helper()
	cfg, drop, err := s.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.process == nil && s.dsn == "" {
			return
		}
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return cfg
}

// DSN reaches the server as its administrator: what PostgresDSN may hold in other
// processes while this one runs it.
func (s *PostgresServer) DSN() string {
	if s.dsn != "" {
		return s.dsn
	}
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// CreateDatabase creates an empty database. The configuration returned is that of
// a superuser, or of the user in PostgresDSN.
func (s *PostgresServer) CreateDatabase(ctx context.Context) (cfg database.Config, drop func() error, err error) {
	name := fmt.Sprintf("ark_test_%d_%d", os.Getpid(), s.created.Add(1))
	if err := s.admin(ctx, "CREATE DATABASE "+name); err != nil {
		return cfg, nil, fmt.Errorf("create a database: %w", err)
	}
	drop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := s.admin(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("drop a database: %w", err)
		}
		return nil
	}
	if s.dsn == "" {
		return database.Config{Host: "127.0.0.1", Port: s.port, Name: name, User: "postgres"}, drop, nil
	}
	dsn, err := withDatabase(s.dsn, name)
	if err != nil {
		return cfg, nil, errors.Join(err, drop())
	}
	path := filepath.Join(s.dir, name+".dsn")
	if err := os.WriteFile(path, []byte(dsn), 0o600); err != nil {
		return cfg, nil, errors.Join(err, drop())
	}
	return database.Config{DSNFile: path}, drop, nil
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

// admin runs a statement as the server's administrator.
func (s *PostgresServer) admin(ctx context.Context, sql string) error {
	dsn := s.dsn
	if dsn == "" {
		dsn = fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres sslmode=disable", s.dir, s.port)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// Exec runs a statement in the administrator's own database, such as CREATE ROLE.
func (s *PostgresServer) Exec(ctx context.Context, sql string) error { return s.admin(ctx, sql) }
