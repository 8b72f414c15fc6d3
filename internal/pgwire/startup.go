package pgwire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// all is the database that has the rows of all namespaces.
const all = "all"

// start negotiates TLS and authenticates the client. It returns false if the connection is not to
// be served.
func (c *session) start(ctx context.Context, tooMany bool) (bool, error) {
	if err := c.conn.SetDeadline(time.Now().Add(startTime)); err != nil {
		return false, err
	}
	c.wire = pgproto3.NewBackend(c.conn, c.conn)
	secured := false
	for {
		message, err := c.wire.ReceiveStartupMessage()
		if err != nil {
			return false, err
		}
		switch m := message.(type) {
		case *pgproto3.SSLRequest:
			if c.server.o.Certificate == nil || secured {
				if _, err := c.conn.Write([]byte("N")); err != nil {
					return false, err
				}
				continue
			}
			if _, err := c.conn.Write([]byte("S")); err != nil {
				return false, err
			}
			over := tls.Server(c.conn, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.server.o.Certificate, NextProtos: []string{"postgresql"}})
			if err := over.HandshakeContext(ctx); err != nil {
				return false, err
			}
			c.conn, secured = over, true
			c.wire = pgproto3.NewBackend(c.conn, c.conn)
		case *pgproto3.GSSEncRequest:
			if _, err := c.conn.Write([]byte("N")); err != nil {
				return false, err
			}
		case *pgproto3.CancelRequest:
			c.server.cancelRequest(m)
			return false, nil
		case *pgproto3.StartupMessage:
			c.wire.SetMaxBodyLen(maxMessage)
			if tooMany {
				return false, &Fault{codeTooMany, "sorry, too many clients already"}
			}
			if !secured && !loopback(c.conn.RemoteAddr()) {
				return false, &Fault{codeRefused, "a token is not read in clear text from another machine: connect with sslmode=require"}
			}
			if m.ProtocolVersion != pgproto3.ProtocolVersion30 {
				c.wire.Send(&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 0})
			}
			if c.database = m.Parameters["database"]; c.database == "" {
				c.database = m.Parameters["user"]
			}
			return true, c.authenticate(ctx)
		default:
			return false, fmt.Errorf("%T at the start", m)
		}
	}
}

// authenticate reads the token, and validates it.
func (c *session) authenticate(ctx context.Context) error {
	c.wire.Send(&pgproto3.AuthenticationCleartextPassword{})
	if err := c.wire.Flush(); err != nil {
		return err
	}
	if err := c.wire.SetAuthType(pgproto3.AuthTypeCleartextPassword); err != nil {
		return err
	}
	message, err := c.wire.Receive()
	if err != nil {
		return err
	}
	password, ok := message.(*pgproto3.PasswordMessage)
	if !ok {
		return &Fault{codeProtocol, "a password is expected"}
	}
	c.token = password.Password
	if c.token == "" {
		return &Fault{codeNoPassword, "the password is missing: use a token, as `ark-server token create` prints it"}
	}
	if _, err := c.server.o.Backend.Run(ctx, c.token, c.database, "SELECT 1", nil); err != nil {
		var fault *Fault
		if errors.As(err, &fault) {
			return fault
		}
		return &Fault{codeUnavailable, "the server cannot answer now"}
	}
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c.wire.Send(&pgproto3.AuthenticationOk{})
	for _, name := range []string{"server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes", "standard_conforming_strings", "is_superuser", "default_transaction_read_only", "IntervalStyle"} {
		c.wire.Send(&pgproto3.ParameterStatus{Name: name, Value: settings[lower(name)]})
	}
	c.wire.Send(&pgproto3.BackendKeyData{ProcessID: c.pid, SecretKey: c.secret})
	c.wire.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return c.wire.Flush()
}
