package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// defaultTimeout bounds a statement, and an attempt to connect, where the
// configuration says nothing.
const defaultTimeout = 10 * time.Second

// connector opens connections. It reads the credentials anew for each, so that a
// rotated password serves the next one.
type connector struct {
	database.Config
	timeout time.Duration
	log     *slog.Logger
	// maxPacket is the server's max_allowed_packet when the newest connection was
	// made, in bytes.
	maxPacket *atomic.Int64
	// settings are session variables beside those that every connection gets.
	settings string
	// opened counts the connections made for a pool.
	opened *atomic.Int64
	// slow lets statements, though not connecting, take as long as they like.
	slow bool
}

func newConnector(cfg database.Config, log *slog.Logger) connector {
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return connector{Config: cfg, timeout: timeout, log: log, maxPacket: &atomic.Int64{}}
}

// with adds session variables.
func (c connector) with(settings string) connector {
	c.settings += settings
	return c
}

// pool is a set of at most size connections.
func (c connector) pool(size int) *sql.DB {
	c.opened = &atomic.Int64{}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	// A server may have been replaced behind its address: nobody stays with the old
	// one for ever, and none is used that the server is about to close.
	db.SetConnMaxIdleTime(idleFor)
	db.SetConnMaxLifetime(30 * time.Minute)
	return db
}

// A connection unused for idleFor is closed here, and for hangUp by the server.
const (
	idleFor = 45 * time.Second
	hangUp  = 60 * time.Second
)

// turnIdle is mvcc.TurnIdle in seconds.
const turnIdle = int(mvcc.TurnIdle / time.Second)

// Statements that begin and end the time in which turnIdle holds. MariaDB has a setting of its
// own for sessions in a transaction, which the writer's sessions have all the time; MySQL goes
// by wait_timeout. A packet that stops in the middle is bounded alike.
var (
	holdTurn = fmt.Sprintf("SET SESSION net_read_timeout = 2 /*!80000 , SESSION wait_timeout = %d */", turnIdle)
	restTurn = "SET SESSION net_read_timeout = %d /*!80000 , SESSION wait_timeout = %d */"
	// turnSettings are those of the writer's sessions.
	turnSettings = fmt.Sprintf(" /*M!100300 , idle_transaction_timeout = %d */", turnIdle)
)

// endTurn is the statement that ends what holdTurn began.
func (c connector) endTurn() string {
	return fmt.Sprintf(restTurn, c.seconds(), int(hangUp/time.Second))
}

// seconds is the configured timeout, at least one.
func (c connector) seconds() int { return max(1, int(c.timeout/time.Second)) }

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return countingDriver{opened: c.opened} }

// countingDriver is the driver, with what a pool does not count itself.
type countingDriver struct {
	mysqldriver.MySQLDriver
	opened *atomic.Int64
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	cfg, err := c.driverConfig()
	if err != nil {
		return nil, err
	}
	inner, err := mysqldriver.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("read the database settings: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := inner.Connect(ctx)
	if err != nil {
		return nil, connectError(err, cfg)
	}
	if err := c.prepare(ctx, conn); err != nil {
		conn.Close()
		return nil, connectError(err, cfg)
	}
	if c.opened != nil {
		c.opened.Add(1)
	}
	return conn, nil
}

// prepare gives the session its settings, in one round trip.
//
// Bytes are sent as they are, between quotes: no character set applies to them and a
// backslash means nothing. MySQL and MariaDB each skip what is meant for the other.
func (c connector) prepare(ctx context.Context, conn driver.Conn) error {
	seconds := c.seconds()
	locks, hangs, idle := max(1, seconds/2), int(hangUp/time.Second), seconds+5
	if c.slow {
		locks, hangs, idle = 5*60, 24*60*60, 0
	}
	text := fmt.Sprintf(`SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO',
		time_zone = '+00:00', autocommit = 1, innodb_lock_wait_timeout = %d, lock_wait_timeout = %d,
		wait_timeout = %d, net_read_timeout = %d, net_write_timeout = %d,
		sql_select_limit = 18446744073709551615, sql_big_selects = 1, sql_safe_updates = 0, unique_checks = 1,
		completion_type = 'NO_CHAIN'
		/*M!100300 , idle_transaction_timeout = %d, idle_write_transaction_timeout = 0, idle_readonly_transaction_timeout = 0,
			max_statement_time = 0 */
		/*!80000 , max_execution_time = 0 */%s;
		SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
		SELECT @@max_allowed_packet`,
		locks, locks, hangs, seconds, seconds, idle, c.settings)
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, text, nil)
	if err != nil {
		return err
	}
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return err
	}
	var size int64
	switch v := row[0].(type) {
	case int64:
		size = v
	case uint64:
		size = int64(min(v, math.MaxInt64))
	case []byte:
		if size, err = strconv.ParseInt(string(v), 10, 64); err != nil {
			return fmt.Errorf("read max_allowed_packet: %w", err)
		}
	default:
		return fmt.Errorf("read max_allowed_packet: got %T", v)
	}
	if err := rows.Next(row); err != io.EOF { //nolint:errorlint // driver.Rows returns it bare
		return fmt.Errorf("read max_allowed_packet: %w", err)
	}
	c.maxPacket.Store(size)
	return rows.Close()
}

// driverConfig translates the configuration as it is now.
func (c connector) driverConfig() (*mysqldriver.Config, error) {
	cfg := mysqldriver.NewConfig()
	if c.DSNFile != "" {
		line, err := c.ReadDSN()
		if err != nil {
			return nil, fmt.Errorf("read the DSN file: %w", err)
		}
		if cfg, err = mysqldriver.ParseDSN(line); err != nil {
			// The driver's error may quote the line.
			return nil, fmt.Errorf("%s does not hold a DSN in the MySQL driver's notation: user:password@tcp(host:port)/database?tls=true", c.DSNFile)
		}
		if cfg.DBName == "" {
			return nil, fmt.Errorf("the DSN in %s names no database: user:password@tcp(host:port)/database", c.DSNFile)
		}
	} else {
		password, err := c.ReadPassword()
		if err != nil {
			return nil, fmt.Errorf("read the database password: %w", err)
		}
		cfg.User, cfg.Passwd, cfg.DBName = c.User, password, c.Name
		cfg.Net, cfg.Addr = address(c.Config)
		if cfg.TLS, cfg.AllowFallbackToPlaintext, err = tlsConfig(c.Config); err != nil {
			return nil, err
		}
		// Tokens of cloud databases go as they are, so only to a server that has proved
		// who it is.
		cfg.AllowCleartextPasswords = cfg.TLS != nil && (!cfg.TLS.InsecureSkipVerify || cfg.TLS.VerifyConnection != nil)
	}
	cfg.Collation = "binary"
	cfg.MultiStatements = true
	cfg.InterpolateParams = true
	cfg.ClientFoundRows = true
	cfg.MaxAllowedPacket = math.MaxInt32 // what is too large for the server is cut by us
	cfg.ParseTime = false
	cfg.AllowAllFiles = false
	cfg.CheckConnLiveness = true
	if c.Config.Timeout > 0 || cfg.Timeout == 0 {
		cfg.Timeout = c.timeout
	}
	if c.Config.Timeout > 0 || cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = c.timeout
	}
	if c.Config.Timeout > 0 || cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = c.timeout
	}
	if c.slow {
		cfg.ReadTimeout = 0
	}
	cfg.Logger = driverLog{c.log}
	return cfg, nil
}

// address is the network and address of the server. A host that begins with a
// slash is a Unix socket, or the folder of one with the usual name.
func address(cfg database.Config) (network, addr string) {
	if strings.HasPrefix(cfg.Host, "/") {
		return "unix", socketPath(cfg.Host)
	}
	port := cfg.Port
	if port == 0 {
		port = 3306
	}
	host := strings.TrimSuffix(strings.TrimPrefix(cfg.Host, "["), "]")
	return "tcp", net.JoinHostPort(host, strconv.Itoa(port))
}

// driverLog hands on what the driver says beside its errors, which tell the
// same to whoever uses the connection.
type driverLog struct{ log *slog.Logger }

// Print implements the driver's Logger.
func (l driverLog) Print(v ...any) {
	l.log.Debug("mysql driver", "message", strings.TrimSpace(fmt.Sprintln(v...)))
}
