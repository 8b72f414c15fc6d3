package pgwire

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"
)

// maxStatements bounds the prepared statements of a connection.
const maxStatements = 200

// prepared is a prepared statement of a connection.
type prepared struct {
	// translated is nil for a statement about the session, which has a tag and possibly an answer.
	translated *translated
	tag        string
	answer     *Answer
	types      []string // of the answer's columns, once it is described or run
	described  bool
	command    func()
}

func (p *prepared) parameters() []string {
	if p.translated == nil {
		return nil
	}
	return p.translated.parameters
}

// portal is a statement with its parameters.
type portal struct {
	prepared
	values  map[string]any
	formats []int16
	ran     bool
}

func (c *session) prepare(nodes []node, given []string) (*prepared, error) {
	if p := c.command(nodes); p != nil {
		return p, nil
	}
	t, err := translate(recognized(nodes), c.server.columns, given)
	if err != nil {
		return nil, err
	}
	return &prepared{translated: t}, nil
}

func (c *session) parse(m *pgproto3.Parse) error {
	statements, err := lex(m.Query)
	if err != nil {
		return err
	}
	if len(statements) > 1 {
		return &Fault{codeSyntax, "cannot insert multiple commands into a prepared statement"}
	}
	if len(c.statements) >= maxStatements {
		return &Fault{"54000", "there are too many prepared statements"}
	}
	p := &prepared{}
	if len(statements) == 1 {
		var given []string
		for _, oid := range m.ParameterOIDs {
			given = append(given, ofOID(oid))
		}
		if p, err = c.prepare(statements[0], given); err != nil {
			return err
		}
	}
	c.statements[m.Name] = p
	c.wire.Send(&pgproto3.ParseComplete{})
	return nil
}

func (c *session) bind(m *pgproto3.Bind) error {
	of, ok := c.statements[m.PreparedStatement]
	if !ok {
		return &Fault{codeNoStatement, fmt.Sprintf("prepared statement %q does not exist", m.PreparedStatement)}
	}
	p := &portal{prepared: *of, formats: slices.Clone(m.ResultFormatCodes), values: map[string]any{}}
	parameters := of.parameters()
	if len(m.Parameters) != len(parameters) {
		return &Fault{codeProtocol, fmt.Sprintf("the statement has %d parameters, and %d are given", len(parameters), len(m.Parameters))}
	}
	for i, raw := range m.Parameters {
		value, err := decode(raw, parameters[i], formatOf(m.ParameterFormatCodes, i) == 1)
		if err != nil {
			return err
		}
		p.values[fmt.Sprintf("p%d", i+1)] = value
		if of.translated.patterns[i+1] {
			pattern, _ := value.(string)
			p.values[fmt.Sprintf("g%d", i+1)] = glob(pattern)
		}
	}
	c.portals[m.DestinationPortal] = p
	c.wire.Send(&pgproto3.BindComplete{})
	return nil
}

func (c *session) describe(ctx context.Context, m *pgproto3.Describe) error {
	var p *prepared
	var values map[string]any
	var formats []int16
	if m.ObjectType == 'S' {
		of, ok := c.statements[m.Name]
		if !ok {
			return &Fault{codeNoStatement, fmt.Sprintf("prepared statement %q does not exist", m.Name)}
		}
		p, values = of, map[string]any{}
		described := &pgproto3.ParameterDescription{}
		for i, typ := range p.parameters() {
			if typ == "" {
				typ = typeText
				p.translated.parameters[i] = typ
			}
			described.ParameterOIDs = append(described.ParameterOIDs, oids[typ])
			values[fmt.Sprintf("p%d", i+1)], values[fmt.Sprintf("g%d", i+1)] = nil, nil
			if typ == typeInt {
				values[fmt.Sprintf("p%d", i+1)] = int64(0) // LIMIT does not accept NULL
			}
		}
		c.wire.Send(described)
	} else {
		of, ok := c.portals[m.Name]
		if !ok {
			return &Fault{codeNoPortal, fmt.Sprintf("portal %q does not exist", m.Name)}
		}
		p, values, formats = &of.prepared, of.values, of.formats
		defer func() { of.ran = p.translated == nil || p.answer != nil }()
	}
	if p.translated == nil && p.answer == nil {
		c.wire.Send(&pgproto3.NoData{})
		return nil
	}
	// The types of a statement are those of its answer; without parameters, Execute sends the same
	// answer.
	if err := c.run(ctx, p, values); err != nil {
		return err
	}
	p.described = true
	c.wire.Send(c.rowDescription(p.answer.Columns, p.types, formats))
	return nil
}

func (c *session) execute(ctx context.Context, m *pgproto3.Execute) error {
	p, ok := c.portals[m.Portal]
	if !ok {
		return &Fault{codeNoPortal, fmt.Sprintf("portal %q does not exist", m.Portal)}
	}
	if p.translated == nil && p.tag == "" && p.answer == nil {
		c.wire.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	if !p.ran {
		if err := c.run(ctx, &p.prepared, p.values); err != nil {
			return err
		}
		p.ran = true
	}
	if most := int(m.MaxRows); most > 0 && p.answer != nil && len(p.answer.Rows) > most {
		rest := *p.answer
		rest.Rows = rest.Rows[most:]
		page := *p.answer
		page.Rows, page.Truncated = page.Rows[:most], false
		part := p.prepared
		part.answer = &page
		for _, row := range part.answer.Rows {
			if err := c.sendRow(&part, row, p.formats); err != nil {
				return err
			}
		}
		p.answer = &rest
		c.wire.Send(&pgproto3.PortalSuspended{})
		return nil
	}
	return c.rows(&p.prepared, p.formats)
}

func (c *session) sendRow(p *prepared, row []any, formats []int16) error {
	values := make([][]byte, len(row))
	for k, value := range row {
		encoded, err := encode(value, p.types[k], formatOf(formats, k) == 1)
		if err != nil {
			return err
		}
		values[k] = encoded
	}
	c.wire.Send(&pgproto3.DataRow{Values: values})
	return nil
}

// run fills in the answer. It does not change types that were described before.
func (c *session) run(ctx context.Context, p *prepared, values map[string]any) error {
	if p.command != nil {
		p.command()
	}
	if p.translated == nil {
		if p.answer != nil {
			p.types = complete(p.answer, nil, false)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.running = cancel
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.running = nil
		c.mu.Unlock()
	}()
	for i := range p.translated.parameters {
		if !p.translated.patterns[i+1] {
			delete(values, fmt.Sprintf("g%d", i+1))
		}
	}
	var answer *Answer
	var err error
	if p.translated.catalog {
		answer, err = c.server.catalog.run(ctx, p.translated.sql, values)
	} else {
		answer, err = c.server.o.Backend.Run(ctx, c.token, c.database, p.translated.sql, values)
	}
	if err != nil {
		var fault *Fault
		if ctx.Err() != nil && !errors.As(err, &fault) {
			return &Fault{codeCanceled, "canceling statement due to user request"}
		}
		return err
	}
	p.answer = answer
	if !p.described || len(p.types) != len(answer.Columns) {
		p.types = complete(answer, p.translated.types, len(p.translated.parameters) > 0)
	}
	return nil
}

func (c *session) close(m *pgproto3.Close) {
	if m.ObjectType == 'S' {
		delete(c.statements, m.Name)
	} else {
		delete(c.portals, m.Name)
	}
	c.wire.Send(&pgproto3.CloseComplete{})
}
