package sqltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
)

// Options of a server of one's own.
type Options struct {
	// NoFsync lets the server acknowledge commits that are not on disk.
	NoFsync bool
	// NoChecksums makes PostgreSQL's pages without checksums, as versions before 18 do by themselves;
	// 18 has them even so.
	NoChecksums bool
	// Own starts a server even where the environment names one: for tests that stop or
	// configure it.
	Own bool
	// Settings are lines of postgresql.conf such as "log_statement = all", or arguments of
	// mariadbd such as "--max-connections=20".
	Settings []string
	// Access replaces the lines of PostgreSQL's pg_hba.conf, which trust everybody.
	Access []string
	// Certificate and Key are PEM; with them the server offers TLS.
	Certificate, Key []byte
	// NoTLS keeps a server from offering TLS that does so by itself, with a certificate of its
	// own making: MySQL's, and MariaDB's from 11.4 on.
	NoTLS bool
	// Data is the folder to make for the data, and WAL that for PostgreSQL's write-ahead log,
	// to put them on a small disk. Wrap changes the server's commands: it puts them
	// on that disk, and lets them run as a user who is not root and owns what the caller owns.
	Data, WAL string
	Wrap      func(path string, args []string) (string, []string)
}

// Server is a database server, with its files in a temporary folder, unless it is one
// that the environment names.
type Server struct {
	brand
	dir, data string
	port      int
	dsn       string // of the one that the environment names
	command   command
	process   *process
	created   atomic.Int64
}

// brand is what tells the makes of servers apart.
type brand struct {
	name     string // as in messages
	variable string // names a running server
	owner    string // the user whom the package made for it
	user     string // its administrator
	// halt ends it without waiting for its clients.
	halt syscall.Signal
	// dropping ends the sessions of a database that is to be dropped.
	dropping string
	// install makes the data folder and says how to run the server.
	install func(s *Server, opts Options) error
	// exec runs a statement as the administrator.
	exec func(ctx context.Context, s *Server, statement string) error
	// uri reaches the administrator's own database over TCP.
	uri string
	// replace puts another database into a DSN.
	replace func(dsn, name string) (string, error)
}

// begin starts a server, or takes the one that the environment names.
func begin(ctx context.Context, b brand, opts Options) (*Server, error) {
	if err := leaveOut(b.name); err != nil {
		return nil, err
	}
	s := &Server{brand: b}
	if dsn := os.Getenv(b.variable); dsn != "" && !opts.Own {
		dir, err := folder("ark-sqltest-", nil)
		if err != nil {
			return nil, err
		}
		s.dir, s.dsn = dir, dsn
		if err := s.Exec(ctx, "SELECT 1"); err != nil {
			return nil, errors.Join(fmt.Errorf("reach the server that %s names: %w", b.variable, err), os.RemoveAll(dir))
		}
		return s, nil
	}
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("start a %s server: %w", b.name, err), s.Stop())
	}
	return s, nil
}

// Own starts a server for a test that harms or configures it, which ends with the test.
func Own(t testing.TB, start func(context.Context, Options) (*Server, error), opts Options) *Server {
	t.Helper()
	opts.Own = true
	s, err := start(t.Context(), opts)
	if err != nil {
		end(t, err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop the database server: %v", err)
		}
	})
	return s
}

func (s *Server) start(ctx context.Context, opts Options) error {
	s.command.wrap = opts.Wrap
	var err error
	if opts.Wrap == nil {
		if s.command.credential, err = unprivileged(s.owner); err != nil {
			return err
		}
	}
	if s.dir, err = folder("ark-sqltest-", s.command.credential); err != nil {
		return err
	}
	if s.data = opts.Data; s.data == "" {
		s.data = filepath.Join(s.dir, "data")
	}
	s.command.dir = s.dir
	if s.port, err = freePort(); err != nil {
		return err
	}
	if err := s.install(s, opts); err != nil {
		return err
	}
	return s.Restart(ctx)
}

// Restart starts the server again after Kill or Halt, on the same port and data.
func (s *Server) Restart(ctx context.Context) error {
	p, err := s.command.start()
	if err != nil {
		return err
	}
	s.process = p
	return p.ready(func() error { return s.Exec(ctx, "SELECT 1") })
}

// Kill ends all of the server's processes at once, as a crash would.
func (s *Server) Kill() {
	s.process.kill()
	s.process = nil
}

// Pause stops the server's process without ending it, until Resume. PostgreSQL's
// sessions have processes of their own, which go on.
func (s *Server) Pause() error { return s.process.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() error { return s.process.cmd.Process.Signal(syscall.SIGCONT) }

// Ended is closed when the server has ended, by itself or not.
func (s *Server) Ended() <-chan struct{} { return s.process.done }

// Halt shuts the server down and keeps its data for Restart.
func (s *Server) Halt() error {
	if s.process == nil {
		return nil
	}
	err := s.process.stop(s.halt)
	s.process = nil
	if err != nil {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	return nil
}

// Stop shuts the server down, if it is not one that the environment names, and deletes
// its files.
func (s *Server) Stop() error { return errors.Join(s.Halt(), os.RemoveAll(s.dir)) }

// Log is the last of what the server has logged since it was started.
func (s *Server) Log() string {
	if s.process == nil {
		return ""
	}
	return s.process.output.String()
}

// Address is the server's TCP address; empty for one that the environment names.
func (s *Server) Address() string {
	if s.dsn != "" {
		return ""
	}
	return fmt.Sprintf("127.0.0.1:%d", s.port)
}

// DSN reaches the server as its administrator: what the environment may hold for other
// processes while this one runs it.
func (s *Server) DSN() string {
	if s.dsn != "" {
		return s.dsn
	}
	return fmt.Sprintf(s.uri, s.port)
}

// Database creates an empty database for the test, and drops it at its end.
func (s *Server) Database(t testing.TB) database.Config {
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

// CreateDatabase creates an empty database. The configuration returned is that of
// the server's administrator, or of the user that the environment names.
func (s *Server) CreateDatabase(ctx context.Context) (cfg database.Config, drop func() error, err error) {
	name := fmt.Sprintf("ark_test_%d_%d", os.Getpid(), s.created.Add(1))
	if err := s.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return cfg, nil, fmt.Errorf("create a database: %w", err)
	}
	drop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := s.Exec(ctx, "DROP DATABASE "+name+s.dropping); err != nil {
			return fmt.Errorf("drop a database: %w", err)
		}
		return nil
	}
	if s.dsn == "" {
		return database.Config{Host: "127.0.0.1", Port: s.port, Name: name, User: s.user}, drop, nil
	}
	dsn, err := s.replace(s.dsn, name)
	if err != nil {
		return cfg, nil, errors.Join(err, drop())
	}
	path := filepath.Join(s.dir, name+".dsn")
	if err := os.WriteFile(path, []byte(dsn), 0o600); err != nil {
		return cfg, nil, errors.Join(err, drop())
	}
	return database.Config{DSNFile: path}, drop, nil
}

// Exec runs statements as the server's administrator, in its own database and each in a
// transaction of its own, such as CREATE ROLE.
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, statement := range statements {
		if err := s.exec(ctx, s, statement); err != nil {
			return fmt.Errorf("%s: %w", firstLine(statement), err)
		}
	}
	return nil
}

// shared is a server that the tests of one binary share.
type shared struct {
	once   sync.Once
	server *Server
	err    error
}

func (l *shared) database(t testing.TB, start func(context.Context, Options) (*Server, error)) database.Config {
	t.Helper()
	l.once.Do(func() { l.server, l.err = start(t.Context(), Options{}) })
	if l.err != nil {
		end(t, l.err)
	}
	return l.server.Database(t)
}

// Stop stops the server if it was started.
func (l *shared) Stop() {
	if l.server == nil {
		return
	}
	if err := l.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "sqltest:", err)
	}
}
