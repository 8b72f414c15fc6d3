package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// SQLSTATE codes, from PostgreSQL's appendix A.
const (
	codeReadOnly         = "25006"
	codeDivision         = "22012"
	codeBadAuthorization = "28000"
	codeBadPassword      = "28P01"
	codeNoDatabase       = "3D000"
	codeNoSchema         = "3F000"
	codeNotUnique        = "23505"
	codeNoPrivilege      = "42501"
	codeNoStatement      = "26000"
	codeSameStatement    = "42P05"
	codeDiskFull         = "53100"
	codeTooMany          = "53300"
	codeLockTimeout      = "55P03"
	codeCannotConnect    = "57P03"
)

func code(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// refused says that the server has answered with an error, and so that the
// transaction has ended without a trace. When it breaks off the session it may do so
// after the commit.
func refused(err error) bool {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return false
	}
	severity := pe.SeverityUnlocalized
	if severity == "" {
		severity = pe.Severity
	}
	return severity == "ERROR"
}

// outcome turns a failure of a transaction that has been sent to be committed
// into the store's terms.
func outcome(err error) error {
	var unsent pgx.ErrPreprocessingBatch
	switch {
	case err == nil:
		return nil
	case refused(err) && code(err) == codeDiskFull:
		return fmt.Errorf("%w: %w", mvcc.ErrNoSpace, err)
	case livesAlready(err):
		return fmt.Errorf("%w: %w", mvcc.ErrKeyLives, err)
	case refused(err), pgconn.SafeToRetry(err), errors.As(err, &unsent):
		return err
	}
	return fmt.Errorf("%w: %w", mvcc.ErrUnknownOutcome, err)
}

// livesAlready says that the index of live keys has refused a key.
func livesAlready(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == codeNotUnique && pe.ConstraintName == "ark_state_key"
}

// errUnfit: the session is not as prepare left it.
var errUnfit = errors.New("the session has lost its settings, as happens behind a pooler that changes servers between transactions: " +
	"ALTER ROLE ... SET default_transaction_isolation = 'read committed' and SET synchronous_commit = 'on' for the role that ark-server uses")

// explain puts what a failure means for the user before it.
func (s server) explain(err error) error {
	user := ""
	if s.cfg.DSNFile == "" {
		user = fmt.Sprintf(" for user %q", s.cfg.User)
	}
	switch code(err) {
	case codeBadPassword, codeBadAuthorization:
		return &database.FaultError{Fault: database.FaultCredentials, Err: fmt.Errorf("the server refuses the credentials%s: check user, password and the server's pg_hba.conf: %w", user, err)}
	case codeNoDatabase:
		return &database.FaultError{Fault: database.FaultNoDatabase, Err: fmt.Errorf("the database does not exist: create it first, with CREATE DATABASE: %w", err)}
	case codeNoPrivilege:
		return &database.FaultError{Fault: database.FaultNoRights, Err: fmt.Errorf("the role lacks a privilege: let the tables' owner %s that role: %w", Grants, err)}
	case codeTooMany:
		return &database.BusyError{Err: err}
	case codeNoStatement, codeSameStatement:
		return fmt.Errorf("a pooler mixes up prepared statements: let it keep them (PgBouncer from 1.21 on: max_prepared_statements), or do without them: a DSN with default_query_exec_mode=exec: %w", err)
	case codeNoSchema:
		return &database.FaultError{Fault: database.FaultNoRights, Err: fmt.Errorf("the role has no schema to create tables in: GRANT CREATE ON SCHEMA public, or ALTER ROLE ... SET search_path to a schema of its own: %w", err)}
	}
	switch text := err.Error(); {
	case noTLS(err):
		return &database.TLSError{Err: err}
	case strings.Contains(text, "certificate"):
		return &database.TLSError{Certificate: true, Err: err}
	case strings.Contains(text, "read only connection"):
		return &database.FaultError{Fault: database.FaultReadOnly, Err: fmt.Errorf("the server only reads: name the primary, not a standby: %w", err)}
	}
	var failed *pgconn.ConnectError
	if errors.As(err, &failed) {
		return database.Unreachable(err)
	}
	return err
}

// noTLS says that a connection failed for want of TLS. The error has a line for every attempt,
// and where the mode allows it the last one was made without.
func noTLS(err error) bool {
	text := strings.TrimSpace(err.Error())
	return strings.Contains(text[strings.LastIndexByte(text, '\n')+1:], "server refused TLS connection")
}

// hopeless says that waiting does not help against a failure to connect.
func hopeless(err error) bool {
	switch code(err) {
	case "", codeTooMany, codeCannotConnect, codeReadOnly:
		text := err.Error()
		return noTLS(err) || strings.Contains(text, "certificate") || strings.Contains(text, "no valid DSN")
	}
	return !strings.HasPrefix(code(err), "57P") && !strings.HasPrefix(code(err), "08")
}
