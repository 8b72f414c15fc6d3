package pgwire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
)

func lower(s string) string { return strings.ToLower(s) }

// session is a connection.
type session struct {
	server   *Server
	conn     net.Conn
	wire     *pgproto3.Backend
	cancel   context.CancelFunc
	token    string
	database string
	pid      uint32
	secret   []byte

	statements map[string]*prepared
	portals    map[string]*portal
	inBlock    bool // between BEGIN and COMMIT, which have no effect
	failed     bool // messages before Sync are skipped

	mu      sync.Mutex
	running context.CancelFunc // cancels the current statement
}

// interrupt cancels the current statement.
func (c *session) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		c.running()
	}
}

func (c *session) serve(ctx context.Context, tooMany bool) {
	defer func() {
		// A panic caused by a client's message ends its connection, not the server.
		if fault := recover(); fault != nil {
			c.server.o.Log.Error("a connection of the PostgreSQL endpoint failed", "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
		}
	}()
	ok, err := c.start(ctx, tooMany)
	if err != nil {
		c.fail(err)
		_ = c.wire.Flush() // the client may be gone
		return
	}
	if !ok {
		return
	}
	for ctx.Err() == nil {
		message, err := c.wire.Receive()
		var long *pgproto3.ExceededMaxBodyLenErr
		if errors.As(err, &long) {
			c.fail(&Fault{codeProtocol, "the message is too long"})
			_ = c.wire.Flush() // the connection is closed after this
		}
		if err != nil {
			return
		}
		if _, ok := message.(*pgproto3.Terminate); ok {
			return
		}
		if !c.handle(ctx, message) {
			return
		}
	}
}

// handle answers a message, and reports whether the connection stays open.
func (c *session) handle(ctx context.Context, message pgproto3.FrontendMessage) bool {
	var err error
	switch m := message.(type) {
	case *pgproto3.Query:
		if err := c.simple(ctx, m.String); err != nil {
			c.fail(err)
		}
		c.ready()
		return c.wire.Flush() == nil
	case *pgproto3.Sync:
		c.failed = false
		clear(c.portals)
		c.ready()
		return c.wire.Flush() == nil
	case *pgproto3.Flush:
		return c.wire.Flush() == nil
	}
	if c.failed {
		return true
	}
	switch m := message.(type) {
	case *pgproto3.Parse:
		err = c.parse(m)
	case *pgproto3.Bind:
		err = c.bind(m)
	case *pgproto3.Describe:
		err = c.describe(ctx, m)
	case *pgproto3.Execute:
		err = c.execute(ctx, m)
	case *pgproto3.Close:
		c.close(m)
	default:
		err = &Fault{codeProtocol, "this message is not served"}
	}
	if err != nil {
		c.failed = true
		c.fail(err)
		return c.wire.Flush() == nil
	}
	return true
}

func (c *session) ready() {
	status := byte('I')
	if c.inBlock {
		status = 'T'
	}
	c.wire.Send(&pgproto3.ReadyForQuery{TxStatus: status})
}

// fail sends an error.
func (c *session) fail(err error) {
	var fault *Fault
	if !errors.As(err, &fault) {
		fault = &Fault{codeInternal, "the statement cannot be run"}
	}
	severity := "ERROR"
	switch fault.Code {
	case codeNoPassword, codeRefused, codeTooMany, codeProtocol:
		severity = "FATAL"
	}
	c.wire.Send(&pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: fault.Code, Message: fault.Message})
}

// simple runs the statements of a simple query.
func (c *session) simple(ctx context.Context, text string) error {
	statements, err := lex(text)
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		c.wire.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	for _, nodes := range statements {
		p, err := c.prepare(nodes, nil)
		if err != nil {
			return err
		}
		if len(p.parameters()) > 0 {
			return &Fault{"42P02", "there is no parameter $1"}
		}
		if err := c.run(ctx, p, nil); err != nil {
			return err
		}
		if p.translated != nil {
			c.wire.Send(c.rowDescription(p.answer.Columns, p.types, nil))
		} else if p.answer != nil {
			c.wire.Send(c.rowDescription(p.answer.Columns, p.types, nil))
		}
		if err := c.rows(p, nil); err != nil {
			return err
		}
	}
	return nil
}

// rows sends the rows of a statement, and its completion.
func (c *session) rows(p *prepared, formats []int16) error {
	if p.answer == nil {
		c.wire.Send(&pgproto3.CommandComplete{CommandTag: []byte(p.tag)})
		return nil
	}
	for i, row := range p.answer.Rows {
		values := make([][]byte, len(row))
		for k, value := range row {
			encoded, err := encode(value, p.types[k], formatOf(formats, k) == 1)
			if err != nil {
				return err
			}
			if encoded == nil && value != nil && p.types[k] == typeText {
				encoded = []byte{}
			}
			values[k] = encoded
		}
		c.wire.Send(&pgproto3.DataRow{Values: values})
		if i%200 == 199 {
			if err := c.wire.Flush(); err != nil {
				return err
			}
		}
	}
	if p.answer.Truncated {
		c.wire.Send(&pgproto3.NoticeResponse{Severity: "WARNING", SeverityUnlocalized: "WARNING", Code: "01004", Message: "there are more rows than " + strconv.Itoa(len(p.answer.Rows)) + ": narrow the statement by WHERE or LIMIT"})
	}
	tag := p.tag
	if tag == "" {
		tag = "SELECT " + strconv.Itoa(len(p.answer.Rows))
	}
	c.wire.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	return nil
}

func formatOf(formats []int16, i int) int16 {
	switch {
	case len(formats) == 0:
		return 0
	case len(formats) == 1:
		return formats[0]
	case i < len(formats):
		return formats[i]
	}
	return 0
}

func (c *session) rowDescription(columns []Column, types []string, formats []int16) *pgproto3.RowDescription {
	d := &pgproto3.RowDescription{}
	for i, column := range columns {
		d.Fields = append(d.Fields, pgproto3.FieldDescription{
			Name: []byte(column.Name), DataTypeOID: oids[types[i]], DataTypeSize: sizes[types[i]], TypeModifier: -1, Format: formatOf(formats, i),
		})
	}
	return d
}
