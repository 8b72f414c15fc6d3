package sqltest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
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

// MySQLProgram names the environment variable with the path of a mysqld of MySQL: the tests
// then start MySQL servers where they would start MariaDB's.
const MySQLProgram = "ARK_TEST_MYSQLD"

// MySQL is a server shared by the tests of one binary, started when the first of them asks for
// a database: MariaDB's, or the one that MySQLProgram names. The zero value is ready.
type MySQL struct{ shared }

// Database creates an empty database for the test, and drops it at its end.
func (m *MySQL) Database(t testing.TB) database.Config {
	t.Helper()
	return m.database(t, StartMySQL)
}

// StartMySQL starts a MariaDB server, or the MySQL server that MySQLProgram names, or takes
// the running one that MySQLDSN names.
func StartMySQL(ctx context.Context, opts Options) (*Server, error) {
	b := brand{
		name: "MariaDB", variable: MySQLDSN, owner: "mysql", user: "root",
		halt:    syscall.SIGTERM,
		install: installMariaDB, exec: execMySQL,
		uri: "root@tcp(127.0.0.1:%d)/",
		replace: func(dsn, name string) (string, error) {
			cfg, err := parseMySQL(dsn)
			if err != nil {
				return "", err
			}
			cfg.DBName = name
			return cfg.FormatDSN(), nil
		},
	}
	if program := os.Getenv(MySQLProgram); program != "" {
		b.name = "MySQL"
		b.install = func(s *Server, opts Options) error { return installMySQL(s, program, opts) }
	}
	return begin(ctx, b, opts)
}

// IsMariaDB reports whether StartMySQL starts MariaDB's server. Where MySQLDSN names a running
// server it is MariaDB's for this function, whichever it is.
func IsMariaDB() bool { return os.Getenv(MySQLProgram) == "" }

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
	args := sizes
	if opts.NoFsync {
		args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync")
	}
	if opts.NoTLS {
		args = append(args, "--skip-ssl")
	}
	return s.serveMySQL(mariadbd, args, opts)
}

func installMySQL(s *Server, mysqld string, opts Options) error {
	if _, err := os.Stat(mysqld); err != nil {
		return fmt.Errorf("%s names no program: %w (e2e/tools/servers.sh fetches MySQL's packages)", MySQLProgram, err)
	}
	var sizes []string
	if opts.Wrap != nil {
		// For the small disk.
		sizes = append(sizes, "--innodb-redo-log-capacity=8M", "--innodb-undo-log-truncate=OFF", "--skip-log-bin")
	}
	s.command.path = mysqld
	s.command.args = append([]string{"--no-defaults", "--datadir=" + s.data, "--initialize-insecure"}, sizes...)
	if err := s.command.run(); err != nil {
		return err
	}
	// The server makes an administrator for its socket only.
	users, err := s.write("users.sql", []byte("CREATE USER IF NOT EXISTS root@'127.0.0.1';\nGRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"))
	if err != nil {
		return err
	}
	args := append(sizes, "--init-file="+users, "--mysqlx=OFF")
	if opts.NoFsync {
		args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--sync-binlog=0")
	}
	if opts.NoTLS {
		args = append(args, "--tls-version=")
	}
	return s.serveMySQL(mysqld, args, opts)
}

// serveMySQL makes the command that runs the server on its data folder.
func (s *Server) serveMySQL(program string, args []string, opts Options) error {
	args = append([]string{"--no-defaults", "--datadir=" + s.data, "--tmpdir=" + s.dir, "--socket=" + s.Socket(),
		"--pid-file=" + filepath.Join(s.dir, "pid"), fmt.Sprintf("--port=%d", s.port), "--bind-address=127.0.0.1", "--skip-name-resolve",
		"--max-allowed-packet=64M"}, args...) // objects may be large
	if opts.Certificate != nil {
		cert, key, err := s.writeCertificate(opts)
		if err != nil {
			return err
		}
		args = append(args, "--ssl-cert="+cert, "--ssl-key="+key)
	}
	s.command.path, s.command.args = program, append(args, opts.Settings...)
	return nil
}

// Socket is the path of the Unix socket of MariaDB or MySQL.
func (s *Server) Socket() string { return filepath.Join(s.dir, "my.sock") }

func execMySQL(ctx context.Context, s *Server, statement string) error {
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
