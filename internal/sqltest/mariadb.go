package sqltest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/mckinsey/ark-server/internal/database"
)

// MySQLDSN names the environment variable with the DSN (in the driver's notation)
// of a running MySQL or MariaDB server that the tests are to use instead of one of
// their own. Its user must be allowed to create databases.
const MySQLDSN = "ARK_TEST_MYSQL_DSN"

// MariaDB is a server shared by the tests of one binary, started when the first
// of them asks for a database. The zero value is ready.
type MariaDB struct{ shared }

// Database creates an empty database for the test, and drops it at its end.
func (m *MariaDB) Database(t testing.TB) database.Config {
	t.Helper()
	return m.database(t, StartMariaDB)
}

// StartMariaDB starts a MariaDB server, or takes the one that MySQLDSN names.
func StartMariaDB(ctx context.Context, opts Options) (*Server, error) {
	return begin(ctx, brand{
		name: "MariaDB", variable: MySQLDSN, owner: "mysql", user: "root",
		halt:    syscall.SIGTERM,
		install: installMariaDB, exec: execMariaDB,
		uri: "root@tcp(127.0.0.1:%d)/",
		replace: func(dsn, name string) (string, error) {
			cfg, err := parseMySQL(dsn)
			if err != nil {
				return "", err
			}
			cfg.DBName = name
			return cfg.FormatDSN(), nil
		},
	}, opts)
}

func installMariaDB(s *Server, opts Options) error {
	install, mariadbd := program("mariadb-install-db"), program("mariadbd", "/usr/sbin", "/usr/libexec")
	if install == "" || mariadbd == "" {
		return fmt.Errorf("mariadb-install-db and mariadbd are not installed: on Debian, apt-get install mariadb-server, or name a running server in %s", MySQLDSN)
	}
	s.command.path = install
	var sizes []string
	if opts.Wrap != nil {
		sizes = append(sizes, "--innodb-log-file-size=4M") // for the small disk
	}
	s.command.args = append([]string{"--no-defaults", "--datadir=" + s.data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"}, sizes...)
	if err := s.command.run(); err != nil {
		return err
	}
	args := []string{"--no-defaults", "--datadir=" + s.data, "--tmpdir=" + s.dir, "--socket=" + s.Socket(),
		"--pid-file=" + filepath.Join(s.dir, "pid"), fmt.Sprintf("--port=%d", s.port), "--bind-address=127.0.0.1", "--skip-name-resolve"}
	args = append(args, sizes...)
	if opts.NoFsync {
		args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync")
	}
	if opts.Certificate != nil {
		cert, key, err := s.writeCertificate(opts)
		if err != nil {
			return err
		}
		args = append(args, "--ssl-cert="+cert, "--ssl-key="+key)
	}
	s.command.path, s.command.args = mariadbd, append(args, opts.Settings...)
	return nil
}

// Socket is the path of MariaDB's Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "my.sock") }

func execMariaDB(ctx context.Context, s *Server, statement string) error {
	dsn := s.dsn
	if dsn == "" {
		dsn = fmt.Sprintf("root@unix(%s)/", s.Socket())
	}
	cfg, err := parseMySQL(dsn)
	if err != nil {
		return err
	}
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

func parseMySQL(dsn string) (*mysql.Config, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New(MySQLDSN + " is not in the driver's notation: user:password@tcp(host:port)/")
	}
	return cfg, nil
}
