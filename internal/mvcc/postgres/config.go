package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// Defaults for what database.Config leaves open.
const (
	defaultTimeout     = 5 * time.Second
	defaultConnections = 10
)

// longIdle is how long an idle connection is taken to work without asking.
const longIdle = 10 * time.Second

// server is how to reach the database and how patient to be with it.
type server struct {
	cfg     database.Config
	timeout time.Duration
}

func newServer(cfg database.Config) server {
	s := server{cfg: cfg, timeout: cfg.Timeout}
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	return s
}

// patience bounds a call to the server from this side. It is longer than what the
// server is told to take, because its refusal says that nothing has happened.
func (s server) patience() time.Duration { return s.timeout + s.timeout/4 }

// target is the configuration of a new connection, with the credentials as they
// are now.
func (s server) target() (*pgx.ConnConfig, error) {
	dsn, err := s.dsn()
	if err != nil {
		return nil, err
	}
	cc, err := pgx.ParseConfig(dsn)
	switch {
	case err != nil && s.cfg.DSNFile != "":
		// The cause may quote the line, and so the password.
		return nil, fmt.Errorf("%s holds no valid DSN: write one line such as postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full", s.cfg.DSNFile)
	case err != nil:
		return nil, fmt.Errorf("configure the connection%s: %w", s.files(), errors.Unwrap(err))
	}
	if s.cfg.DSNFile == "" {
		if cc.Password, err = s.cfg.ReadPassword(); err != nil {
			return nil, fmt.Errorf("read the password: %w", err)
		}
	}
	cc.ConnectTimeout = s.timeout
	cc.DialFunc = (&net.Dialer{
		Timeout:         s.timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}).DialContext
	// After a fail-over a name or a list of hosts may lead to a server that only
	// reads, which would answer with old news.
	if cc.ValidateConnect == nil {
		cc.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if cc.RuntimeParams["application_name"] == "" {
		cc.RuntimeParams["application_name"] = "ark-server"
	}
	return cc, nil
}

// files names those that the driver reads, because its errors do not.
func (s server) files() string {
	var names []string
	for _, name := range []string{s.cfg.TLS.CAFile, s.cfg.TLS.CertFile, s.cfg.TLS.KeyFile} {
		if name != "" {
			names = append(names, name)
		}
	}
	if names == nil {
		return ""
	}
	return " with the PEM files " + strings.Join(names, ", ")
}

// dsn writes the configuration in libpq's notation, but for the password.
func (s server) dsn() (string, error) {
	if s.cfg.DSNFile != "" {
		dsn, err := s.cfg.ReadDSN()
		if err != nil {
			return "", fmt.Errorf("read the DSN: %w", err)
		}
		if strings.TrimSpace(dsn) == "" {
			return "", fmt.Errorf("%s is empty: write one line such as postgres://USER:PASSWORD@HOST:5432/NAME", s.cfg.DSNFile)
		}
		return dsn, nil
	}
	port := s.cfg.Port
	if port == 0 {
		port = 5432
	}
	mode := s.cfg.TLS.Mode
	switch {
	case mode != "":
	case s.cfg.TLS.CAFile != "":
		mode = database.TLSVerifyFull // why else name an authority
	default:
		mode = database.TLSPrefer
	}
	var b strings.Builder
	for _, kv := range [][2]string{
		{"host", s.cfg.Host}, {"port", fmt.Sprint(port)}, {"dbname", s.cfg.Name}, {"user", s.cfg.User},
		{"sslmode", string(mode)}, {"sslrootcert", s.cfg.TLS.CAFile}, {"sslcert", s.cfg.TLS.CertFile}, {"sslkey", s.cfg.TLS.KeyFile},
	} {
		if kv[1] != "" {
			fmt.Fprintf(&b, "%s='%s' ", kv[0], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(kv[1]))
		}
	}
	return b.String(), nil
}

// sessionSettings are what the engine relies on, whatever the defaults of the server,
// the database and the role say. Its statements are all made for their keys, so a planner
// without statistics must not think of anything else.
//
// Limits of time that not every version has are set through the list of those that this one
// has; each would end sessions that we need, or loads once there is enough to load.
var sessionSettings = named.Dollars(`SELECT
	(SELECT count(set_config(name, '0', false)) FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')),
	set_config('default_transaction_isolation', 'read committed', false),
	set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
	set_config('statement_timeout', :whole, false),
	set_config('lock_timeout', :lock, false),
	set_config('idle_in_transaction_session_timeout', :idle, false),
	set_config('default_transaction_deferrable', 'off', false),
	set_config('client_encoding', 'UTF8', false),
	set_config('transform_null_equals', 'off', false),
	set_config('exit_on_error', 'off', false),
	set_config('row_security', 'on', false),
	set_config('tcp_keepalives_idle', '15', false),
	set_config('tcp_keepalives_interval', '5', false),
	set_config('tcp_keepalives_count', '3', false),
	set_config('bytea_output', 'hex', false),
	set_config('jit', 'off', false),
	set_config('plan_cache_mode', 'force_generic_plan', false),
	set_config('enable_seqscan', 'off', false),
	set_config('enable_hashjoin', 'off', false),
	set_config('enable_mergejoin', 'off', false),
	set_config('enable_indexscan', 'on', false),
	set_config('enable_indexonlyscan', 'on', false),
	set_config('enable_nestloop', 'on', false),
	set_config('enable_sort', 'on', false)`)

// lockWait is how long a statement waits for a lock. Writers wait for the counter again as long as
// they have time, after they have looked who holds it.
func (s server) lockWait() time.Duration {
	return max(time.Millisecond, min(mvcc.TurnIdle, s.timeout/2))
}

// prepare makes a new connection fit for the engine.
func (s server) prepare(ctx context.Context, conn *pgx.Conn) error {
	milliseconds := func(name string, d time.Duration) named.Argument {
		return named.Arg(name, fmt.Sprint(d.Milliseconds()))
	}
	if _, err := conn.Exec(ctx, sessionSettings.Text, sessionSettings.Args(
		milliseconds("whole", s.timeout), milliseconds("lock", s.lockWait()), milliseconds("idle", mvcc.TurnIdle))...); err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	return nil
}

// connect opens a connection that its caller owns.
func (s server) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	cc, err := s.target()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return nil, s.explain(err)
	}
	if err := s.prepare(ctx, conn); err != nil {
		_ = conn.Close(ctx) // the first error says more
		return nil, s.explain(err)
	}
	return conn, nil
}

// pool opens a pool of up to n connections. It connects when first asked to.
func (s server) pool(n int) (*pgxpool.Pool, error) {
	cc, err := s.target()
	if err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	pc.ConnConfig = cc
	pc.MaxConns = int32(n)
	pc.PingTimeout = s.timeout / 2
	// A commit over a connection that the server has given up would have an unknown
	// outcome. After some time only the server can tell.
	pc.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		return p.IdleDuration > longIdle || !quiet(p.Conn.PgConn().Conn())
	}
	pc.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
		fresh, err := s.target()
		if err != nil {
			return err
		}
		*cc = *fresh
		return nil
	}
	pc.AfterConnect = s.prepare
	return pgxpool.NewWithConfig(context.Background(), pc)
}
