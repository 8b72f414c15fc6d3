package sqlquery

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/mckinsey/ark-server/internal/readmodel"
)

// parallel is how many statements run at once.
const parallel = 4

// Runner runs statements on a model. It is safe for concurrent use.
type Runner struct {
	path   string
	places chan struct{}
	views  map[string]bool
}

// New returns a runner on the file of a read model.
func New(path string) *Runner {
	r := &Runner{path: path, places: make(chan struct{}, parallel), views: map[string]bool{}}
	for name := range Views() {
		r.views[name] = true
	}
	return r
}

// Run answers by the deadline. An *Error is a fault of the statement.
func (r *Runner) Run(ctx context.Context, q Request) (*Answer, error) {
	if strings.TrimSpace(q.Query) == "" {
		return nil, &Error{Message: "there is no statement"}
	}
	if len(q.Query) > maxStatement {
		return nil, &Error{Message: fmt.Sprintf("the statement has %d bytes, more than %d", len(q.Query), maxStatement)}
	}
	if strings.ContainsRune(q.Query, 0) {
		return nil, &Error{Message: "the statement has a NUL character"}
	}
	if q.Timeout <= 0 {
		q.Timeout = DefaultTime
	}
	if q.MaxRows <= 0 {
		q.MaxRows = DefaultRows
	}
	q.MaxRows = min(q.MaxRows, MaxRows)
	ctx, stop := context.WithCancelCause(ctx)
	ctx, cancelTime := context.WithTimeoutCause(ctx, min(q.Timeout, MaxTime), ErrTimeout)
	cancel := func() { cancelTime(); stop(nil) }
	select {
	case r.places <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return nil, ErrBusy
	}
	type result struct {
		answer *Answer
		err    error
	}
	done := make(chan result, 1)
	go watchMemory(ctx, stop)
	go func() {
		// The place is free once SQLite has stopped, which may be after the answer.
		defer func() { cancel(); <-r.places }()
		answer, err := r.run(ctx, q)
		done <- result{answer, err}
	}()
	var got result
	select {
	case got = <-done:
	case <-ctx.Done():
		select {
		case got = <-done: // the end of the work ends the context, too
		default:
			return nil, context.Cause(ctx)
		}
	}
	if cause := context.Cause(ctx); got.err != nil && (errors.Is(cause, ErrTimeout) || errors.Is(cause, ErrMemory)) {
		return nil, cause
	}
	return got.answer, got.err
}

func (r *Runner) run(ctx context.Context, q Request) (*Answer, error) {
	if err := register(); err != nil {
		return nil, err
	}
	// The file is attached under a name that cannot be guessed; main is an empty database in memory.
	dsn := url.URL{Scheme: "file", Opaque: ":memory:", RawQuery: url.Values{
		"_defensive": {"1"}, "_dqs": {"0"}, "_pragma": {"trusted_schema(0)", "temp_store(2)", "busy_timeout(1000)"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // it was only read
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		// It carries the views and the rights of this request.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = conn.Close()
	}()
	box := &sandbox{views: r.views}
	for _, name := range []*string{&box.secret, &box.schema} {
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			return nil, err
		}
		*name = "v" + hex.EncodeToString(random)
	}
	if err := attach(ctx, conn, r.path, box.schema); err != nil {
		return nil, fmt.Errorf("open the read model: %w", err)
	}
	for _, statement := range create(box.schema, box.secret, q.Rows) {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("make the views: %w", err)
		}
	}
	for id, limit := range limits {
		if _, err := sqlite.Limit(conn, id, limit); err != nil {
			return nil, err
		}
	}
	err = conn.Raw(func(c any) error {
		registerer, ok := c.(sqlite.AuthorizerRegisterer)
		if !ok {
			return errors.New("the driver has no authorizer")
		}
		return registerer.RegisterAuthorizer(box.allow)
	})
	if err != nil {
		return nil, err
	}
	parameters, err := parameters(q.Parameters)
	if err != nil {
		return nil, err
	}
	if err := single(q.Query); err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, q.Query, parameters...)
	if err != nil {
		return nil, explain(err, q.Query, box)
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	answer, err := read(rows, q.MaxRows)
	if err != nil {
		return nil, explain(err, q.Query, box)
	}
	return answer, nil
}

var parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

func parameters(named map[string]any) ([]any, error) {
	all := make([]any, 0, len(named))
	for name, value := range named {
		if !parameterName.MatchString(name) {
			return nil, &Error{Message: fmt.Sprintf("%q is no name of a parameter: use letters, digits and _, as in :since", name)}
		}
		switch v := value.(type) {
		case nil, string, bool, int64:
		case float64:
			if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
				value = int64(v)
			}
		default:
			return nil, &Error{Message: fmt.Sprintf("parameter %s is neither text, number, boolean nor null", name)}
		}
		all = append(all, sql.Named(name, value))
	}
	return all, nil
}

// read takes the rows up to the limits.
func read(rows *sql.Rows, most int) (*Answer, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	answer := &Answer{Rows: [][]any{}, Columns: make([]Column, len(types))}
	for i, t := range types {
		answer.Columns[i] = Column{Name: t.Name(), Type: strings.ToLower(t.DatabaseTypeName())}
		switch t.DatabaseTypeName() {
		case readmodel.TimeDeclared:
			answer.Columns[i].Type = string(readmodel.Time)
		case readmodel.JSONDeclared:
			answer.Columns[i].Type = string(readmodel.JSON)
		}
	}
	size := 0
	for rows.Next() {
		if len(answer.Rows) == most || size > MaxBytes {
			answer.Truncated = true
			return answer, nil
		}
		row, targets := make([]any, len(types)), make([]any, len(types))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		for i, value := range row {
			row[i] = plain(value)
			if s, ok := row[i].(string); ok {
				size += len(s)
			}
			size += 16
			if answer.Columns[i].Type == "" && value != nil {
				answer.Columns[i].Type = typeOf(row[i])
			}
		}
		answer.Rows = append(answer.Rows, row)
	}
	for i := range answer.Columns {
		if answer.Columns[i].Type == "" {
			answer.Columns[i].Type = "text"
		}
	}
	return answer, rows.Err()
}

// plain is a value as JSON has it.
func plain(value any) any {
	switch v := value.(type) {
	case []byte:
		return strings.ToValidUTF8(string(v), "�")
	case string:
		return strings.ToValidUTF8(v, "�")
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil
		}
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return value
}

func typeOf(value any) string {
	switch value.(type) {
	case int64:
		return "integer"
	case float64:
		return "real"
	}
	return "text"
}
