package sqltest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
)

// StartPgBouncer puts a PgBouncer before the PostgreSQL server of a configuration, which
// then leads to it by a DSN file. It hands out a server connection for each transaction, and
// forgets what a session has set. It ends with the test.
func StartPgBouncer(t testing.TB, cfg *database.Config) {
	t.Helper()
	if err := leaveOut("PgBouncer"); err != nil {
		end(t, err)
	}
	p := &pooler{}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	dsn, err := p.start(t.Context(), *cfg)
	if err != nil {
		t.Fatalf("start PgBouncer: %v", err)
	}
	*cfg = database.Config{DSNFile: dsn, Timeout: cfg.Timeout, MaxConnections: cfg.MaxConnections}
}

type pooler struct {
	dir     string
	process *process
}

func (p *pooler) start(ctx context.Context, cfg database.Config) (dsnFile string, err error) {
	path := program("pgbouncer", "/usr/sbin")
	if path == "" {
		return "", errors.New("pgbouncer is not installed: on Debian, apt-get install pgbouncer")
	}
	s := &Server{} // for its files
	if s.command.credential, err = unprivileged("postgres"); err != nil {
		return "", err
	}
	if p.dir, err = folder("ark-pgbouncer-", s.command.credential); err != nil {
		return "", err
	}
	s.dir = p.dir
	port, err := freePort()
	if err != nil {
		return "", err
	}
	users, err := s.write("users.txt", fmt.Appendf(nil, "%q \"\"\n", cfg.User))
	if err != nil {
		return "", err
	}
	// A small pool, so that clients take turns with its connections.
	config, err := s.write("pgbouncer.ini", fmt.Appendf(nil, `[databases]
* = host=%s port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 6
server_reset_query_always = 1
`, cfg.Host, cfg.Port, port, users))
	if err != nil {
		return "", err
	}
	if p.process, err = (command{path: path, args: []string{config}, dir: p.dir, credential: s.command.credential}).start(); err != nil {
		return "", err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if err := p.process.ready(func() error {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}); err != nil {
		return "", err
	}
	// Such a pooler knows no prepared statements before version 1.21.
	dsn := fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&default_query_exec_mode=exec", cfg.User, address, cfg.Name)
	dsnFile = filepath.Join(p.dir, "dsn")
	return dsnFile, os.WriteFile(dsnFile, []byte(dsn), 0o600)
}

func (p *pooler) stop() error {
	if p.process != nil {
		p.process.kill()
	}
	if p.dir == "" {
		return nil
	}
	return os.RemoveAll(p.dir)
}
