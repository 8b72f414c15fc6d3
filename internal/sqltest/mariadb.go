package sqltest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mckinsey/ark-server/internal/database"
)

// MySQLDSN names the environment variable with the DSN (in the driver's notation)
// of a running MySQL or MariaDB server that the tests are to use instead of one of
// their own. Its user must be allowed to create databases.
const MySQLDSN = "ARK_TEST_MYSQL_DSN"

// MariaDB is a server shared by the tests of one binary, started when the first
// of them asks for a database. The zero value is ready.
type MariaDB struct {
	once   sync.Once
	server *MariaDBServer
	err    error
}

// DSN reaches the server as its administrator: what MySQLDSN may hold in other
// processes while this one runs it.
func (s *MariaDBServer) DSN() string {
	if s.dsn != "" {
		return s.dsn
	}
	return fmt.Sprintf("root@tcp(%s)/", s.Address())
}

// Database creates an empty database for the test, and drops it at its end.
func (m *MariaDB) Database(t testing.TB) database.Config {
	t.Helper()
	m.once.Do(func() { m.server, m.err = StartMariaDB(t.Context(), MariaDBOptions{}) })
	if m.err != nil {
		t.Fatal(m.err)
	}
	return m.server.Database(t)
}

// Stop stops the server if it was started.
func (m *MariaDB) Stop() {
	if m.server == nil {
		return
	}
	if err := m.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "sqltest:", err)
	}
}

// MariaDBOptions of a server of one's own.
type MariaDBOptions struct {
	// NoFsync lets the server acknowledge commits that are not on disk.
	NoFsync bool
	// Own starts a server even where MySQLDSN names one: for tests that stop or
	// configure it.
	Own bool
	// Settings are arguments of mariadbd, such as "--max-connections=20".
	Settings []string
	// Certificate and Key are PEM; with them the server offers TLS.
	Certificate, Key []byte
}

// MariaDBServer is a MariaDB server, with its files in a temporary folder unless
// it is one that MySQLDSN names.
type MariaDBServer struct {
	dir     string
	port    int
	dsn     string // of MySQLDSN
	command command
	process *process
	created atomic.Int64
}

// StartMariaDB starts a server, or takes the one that MySQLDSN names.
func StartMariaDB(ctx context.Context, opts MariaDBOptions) (*MariaDBServer, error) {
	s := &MariaDBServer{}
	if dsn := os.Getenv(MySQLDSN); dsn != "" && !opts.Own {
		dir, err := folder("ark-mariadb-", nil)
		if err != nil {
			return nil, err
		}
		s.dir, s.dsn = dir, dsn
		if err := s.Exec(ctx, "SELECT 1"); err != nil {
			return nil, errors.Join(fmt.Errorf("reach the server that %s names: %w", MySQLDSN, err), os.RemoveAll(dir))
		}
		return s, nil
	}
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("start a MariaDB server: %w", err), s.Stop())
	}
	return s, nil
}

func (s *MariaDBServer) start(ctx context.Context, opts MariaDBOptions) error {
	install, mariadbd := program("mariadb-install-db"), program("mariadbd", "/usr/sbin", "/usr/libexec")
	if install == "" || mariadbd == "" {
		return fmt.Errorf("mariadb-install-db and mariadbd are not installed: on Debian, apt-get install mariadb-server, or name a running server in %s", MySQLDSN)
	}
	owner, err := unprivileged("mysql")
	if err != nil {
		return err
	}
	if s.dir, err = folder("ark-mariadb-", owner); err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	if err := (command{path: install, dir: s.dir, credential: owner, args: []string{
		"--no-defaults", "--datadir=" + data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
	}}).run(); err != nil {
		return err
	}
	args := []string{"--no-defaults", "--datadir=" + data, "--tmpdir=" + s.dir, "--socket=" + s.Socket(),
		"--pid-file=" + filepath.Join(s.dir, "pid"), fmt.Sprintf("--port=%d", s.port), "--bind-address=127.0.0.1", "--skip-name-resolve"}
	if opts.NoFsync {
		args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync")
	}
	if opts.Certificate != nil {
		for name, pem := range map[string][]byte{"cert": opts.Certificate, "key": opts.Key} {
			path := filepath.Join(s.dir, "server-"+name+".pem")
			if err := os.WriteFile(path, pem, 0o600); err != nil {
				return err
			}
			if owner != nil {
				if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
					return err
				}
			}
			args = append(args, "--ssl-"+name+"="+path)
		}
	}
	s.command = command{path: mariadbd, args: append(args, opts.Settings...), dir: s.dir, credential: owner}
	return s.Restart(ctx)
}

// Socket is the path of the server's Unix socket.
func (s *MariaDBServer) Socket() string { return filepath.Join(s.dir, "my.sock") }

// Restart starts the server again after Kill or Halt, on the same port and data.
func (s *MariaDBServer) Restart(ctx context.Context) error {
	p, err := s.command.start()
	if err != nil {
		return err
	}
	s.process = p
	return p.ready(func() error { return s.Exec(ctx, "SELECT 1") })
}

// Kill ends the server at once, as a crash would.
func (s *MariaDBServer) Kill() {
	s.process.kill()
	s.process = nil
}

// Pause stops the server's process without ending it, until Resume.
func (s *MariaDBServer) Pause() error { return s.process.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *MariaDBServer) Resume() error { return s.process.cmd.Process.Signal(syscall.SIGCONT) }

// Halt shuts the server down and keeps its data for Restart.
func (s *MariaDBServer) Halt() error {
	if s.process == nil {
		return nil
	}
	err := s.process.stop(syscall.SIGTERM)
	s.process = nil
	if err != nil {
		return fmt.Errorf("stop MariaDB: %w", err)
	}
	return nil
}

// Stop shuts the server down, if it is not one that MySQLDSN names, and deletes
// its files.
func (s *MariaDBServer) Stop() error {
	return errors.Join(s.Halt(), os.RemoveAll(s.dir))
}

// Log is the last of what the server has logged since it was started.
func (s *MariaDBServer) Log() string {
	if s.process == nil {
		return ""
	}
	return s.process.output.String()
}

// Address is the server's TCP address; empty for one that MySQLDSN names.
func (s *MariaDBServer) Address() string {
	if s.dsn != "" {
		return ""
	}
	return fmt.Sprintf("127.0.0.1:%d", s.port)
}

// Database creates an empty database for the test, and drops it at its end.
func (s *MariaDBServer) Database(t testing.TB) database.Config {
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

// CreateDatabase creates an empty database. The configuration returned is root's,
// or that of the user in MySQLDSN.
func (s *MariaDBServer) CreateDatabase(ctx context.Context) (cfg database.Config, drop func() error, err error) {
	name := fmt.Sprintf("ark_test_%d_%d", os.Getpid(), s.created.Add(1))
	if err := s.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return cfg, nil, fmt.Errorf("create a database: %w", err)
	}
	drop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := s.Exec(ctx, "DROP DATABASE "+name); err != nil {
			return fmt.Errorf("drop a database: %w", err)
		}
		return nil
	}
	if s.dsn == "" {
		return database.Config{Host: "127.0.0.1", Port: s.port, Name: name, User: "root"}, drop, nil
	}
	dsn, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		return cfg, nil, errors.Join(errors.New(MySQLDSN+" is not in the driver's notation: user:password@tcp(host:port)/"), drop())
	}
	dsn.DBName = name
	path := filepath.Join(s.dir, name+".dsn")
	if err := os.WriteFile(path, []byte(dsn.FormatDSN()), 0o600); err != nil {
		return cfg, nil, errors.Join(err, drop())
	}
	return database.Config{DSNFile: path}, drop, nil
}

// Exec runs statements as the server's administrator, such as CREATE USER, each in
// a transaction of its own.
func (s *MariaDBServer) Exec(ctx context.Context, statements ...string) error {
	dsn := s.dsn
	if dsn == "" {
		dsn = fmt.Sprintf("root@unix(%s)/", s.Socket())
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return errors.New(MySQLDSN + " is not in the driver's notation: user:password@tcp(host:port)/")
	}
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", strings.SplitN(statement, "\n", 2)[0], err)
		}
	}
	return nil
}
