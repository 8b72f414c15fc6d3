package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// The server's error numbers that we decide by.
const (
	errDiskFull         = 1021
	errTooManyConns     = 1040
	errAccessDB         = 1044
	errAccess           = 1045
	errBadNull          = 1048
	errUnknownDB        = 1049
	errShutdown         = 1053
	errDuplicateColumn  = 1060
	errDuplicate        = 1062
	errParse            = 1064
	errTableFull        = 1114
	errTableDenied      = 1142
	errColumnDenied     = 1143
	errNoTable          = 1146
	errPacketTooLarge   = 1153
	errLockWait         = 1205
	errDeadlock         = 1213
	errReadOnly         = 1290
	errDataTooLong      = 1406
	errInTransaction    = 1568
	errReadOnlyTx       = 1792
	errReadOnlyMode     = 1836
	errOfflineMode      = 3032
	errRollbackAtCommit = 3101
)

// number is the server's error number, 0 for an error that is not the server's.
func number(err error) uint16 {
	var me *mysqldriver.MySQLError
	if errors.As(err, &me) {
		return me.Number
	}
	return 0
}

// liveIndex is the name of the index of live keys.
const liveIndex = "live_key"

// undone says that an error of a text that ends with COMMIT leaves no doubt: it
// cannot have come from the commit itself, or the commit has rolled back.
// Everything else counts as doubtful.
func undone(err error) bool {
	switch number(err) {
	case errDiskFull, errBadNull, errDuplicate, errParse, errTableFull, errTableDenied, errNoTable, errPacketTooLarge,
		errLockWait, errDeadlock, errReadOnly, errDataTooLong, errReadOnlyTx, errReadOnlyMode, errRollbackAtCommit:
		return true
	}
	// The driver says this only if it has sent nothing.
	return errors.Is(err, driver.ErrBadConn)
}

// livesAlready says that the index of live keys has refused a key. The server names the index in
// its text only.
func livesAlready(err error) bool {
	return number(err) == errDuplicate && strings.Contains(err.Error(), liveIndex)
}

func isReadOnly(err error) bool {
	switch number(err) {
	case errReadOnly, errReadOnlyTx, errReadOnlyMode:
		return true
	}
	return errors.Is(err, errReplica)
}

// errReplica: the server at the address takes no writes.
var errReplica error = &database.FaultError{
	Fault: database.FaultReadOnly,
	Err:   errors.New("the database server is read-only (a replica, or a primary that has been demoted): point ark-server at the primary"),
}

func isNoSpace(err error) bool {
	switch number(err) {
	case errDiskFull, errTableFull:
		return true
	case 0:
		return false
	}
	// Other errors name the system's: "Got error 28", "Errcode: 28".
	text := err.Error()
	return strings.Contains(text, "Errcode: 28") || strings.Contains(text, "Got error 28 ") || strings.Contains(text, "No space left on device")
}

// classify turns a failure to write into the store's terms. doubt says that the COMMIT may have
// been carried out.
func classify(err error, doubt bool) error {
	switch {
	case number(err) == errBadNull:
		return mvcc.ErrMoved
	case livesAlready(err):
		return fmt.Errorf("%w: %w", mvcc.ErrKeyLives, err)
	case doubt:
		return fmt.Errorf("%w: %w", mvcc.ErrUnknownOutcome, err)
	case isNoSpace(err):
		return fmt.Errorf("%w: %w", mvcc.ErrNoSpace, err)
	case isReadOnly(err):
		return fmt.Errorf("%w: %w", errReplica, err)
	case number(err) == errLockWait:
		return fmt.Errorf("another session holds the revision counter: see SHOW PROCESSLIST for a transaction left open: %w", err)
	case number(err) == errPacketTooLarge:
		return fmt.Errorf("raise the server's max_allowed_packet: %w", err)
	}
	return err
}

// noKey is how the driver's error ends where the server did not answer the question for its RSA key
// with one.
const noKey = "caching_sha2_password, perform full authentication"

// connectError adds what an error means for the user. It shows no secret.
func connectError(err error, cfg *mysqldriver.Config) error {
	where := cfg.Addr
	switch number(err) {
	case errAccess:
		return &database.FaultError{Fault: database.FaultCredentials, Err: fmt.Errorf("connect to %s: the server refuses user %q: check the user, the password and the hosts that the user may come from: %w", where, cfg.User, err)}
	case errAccessDB:
		return &database.FaultError{Fault: database.FaultNoRights, Err: fmt.Errorf("connect to %s: user %q has no rights on database %q: GRANT SELECT, INSERT, UPDATE, DELETE ON `%s`.* TO that user: %w", where, cfg.User, cfg.DBName, cfg.DBName, err)}
	case errUnknownDB:
		return &database.FaultError{Fault: database.FaultNoDatabase, Err: fmt.Errorf("connect to %s: there is no database %q: CREATE DATABASE `%s`: %w", where, cfg.DBName, cfg.DBName, err)}
	case errOfflineMode:
		return fmt.Errorf("connect to %s: the server is offline for users (offline_mode=ON): SET GLOBAL offline_mode = OFF: %w", where, err)
	case errTooManyConns:
		return fmt.Errorf("connect to %s: the server has no connection to spare: raise its max_connections: %w", where, err)
	}
	var cert *tls.CertificateVerificationError
	switch {
	case errors.Is(err, mysqldriver.ErrNoTLS):
		return fmt.Errorf("connect to %s: the server offers no TLS: set it up there, or choose a TLS mode that does without: %w", where, err)
	case errors.As(err, &cert):
		return fmt.Errorf("connect to %s: the server's certificate is not trusted: name its authority, or the host as the certificate does: %w", where, err)
	}
	if strings.Contains(err.Error(), noKey) {
		return fmt.Errorf("connect to %s: the server has neither TLS nor an RSA key, without which user %q cannot send a password of caching_sha2_password: "+
			"let it make them (auto_generate_certs=ON, caching_sha2_password_auto_generate_rsa_keys=ON, and a restart), or connect through its Unix socket: %w", where, cfg.User, err)
	}
	if down := database.Unreachable(err); down != err { //nolint:errorlint // whether it is another one
		return down
	}
	return fmt.Errorf("connect to %s: %w", where, err)
}

// unreachable says that the server cannot be used now, and perhaps later.
func unreachable(err error) bool {
	switch number(err) {
	case 0:
	case errTooManyConns, errShutdown, errOfflineMode:
		return true
	default:
		return isReadOnly(err)
	}
	var network *net.OpError // for a socket that is not there yet, too
	return errors.As(err, &network) || isReadOnly(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysqldriver.ErrInvalidConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded)
}

// discard takes a connection out of its pool.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // that is its answer
}
