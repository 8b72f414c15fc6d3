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

// parallel is how many statements run concurrently.
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

// run runs a statement, and sends its columns and then its rows.
func (r *Runner) run(ctx context.Context, q Request, begun chan<- []Column, out chan<- []any) result {
	truncated, err := r.try(ctx, q, begun, out)
	return result{truncated, err}
}

func (r *Runner) try(ctx context.Context, q Request, begun chan<- []Column, out chan<- []any) (truncated bool, err error) {
	if err := register(); err != nil {
		return false, err
	}
	// The file is attached under an unguessable name; main is an empty in-memory database.
	dsn := url.URL{Scheme: "file", Opaque: ":memory:", RawQuery: url.Values{
		"_defensive": {"1"}, "_dqs": {"0"}, "_pragma": {"trusted_schema(0)", "temp_store(2)", "busy_timeout(1000)"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return false, err
	}
	defer func() { _ = db.Close() }() // read only: nothing is lost on an error
	conn, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		// The connection has the views and the rights of this request, so it is not reused.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = conn.Close()
	}()
	box := &sandbox{views: r.views}
	for _, name := range []*string{&box.secret, &box.schema} {
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			return false, err
		}
		*name = "v" + hex.EncodeToString(random)
	}
	if err := attach(ctx, conn, r.path, box.schema); err != nil {
		return false, fmt.Errorf("open the read model: %w", err)
	}
	for _, statement := range create(box.schema, box.secret, q.Rows) {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return false, fmt.Errorf("make the views: %w", err)
		}
	}
	for id, limit := range limits {
		if _, err := sqlite.Limit(conn, id, limit); err != nil {
			return false, err
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
		return false, err
	}
	parameters, err := parameters(q.Parameters)
	if err != nil {
		return false, err
	}
	if err := single(q.Query); err != nil {
		return false, err
	}
	// The connection is locked while rows are open.
	handle, err := handleOf(conn)
	if err != nil {
		return false, err
	}
	rows, err := conn.QueryContext(ctx, q.Query, parameters...)
	if err != nil {
		return false, explain(err, q.Query, box, func(part string) error { return prepare(ctx, conn, part) })
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	defer interruptAt(ctx, handle)()
	truncated, err = send(ctx, rows, q.MaxRows, begun, out)
	if err != nil {
		return false, explain(err, q.Query, box, nil)
	}
	return truncated, nil
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

// prepare compiles a part of a statement in its sandbox, without running it.
func prepare(ctx context.Context, conn *sql.Conn, part string) error {
	statement, err := conn.PrepareContext(ctx, part)
	if err != nil {
		return err
	}
	return statement.Close()
}

// send sends the rows up to the limits.
func send(ctx context.Context, rows *sql.Rows, most int, begun chan<- []Column, out chan<- []any) (truncated bool, err error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return false, err
	}
	columns := make([]Column, len(types))
	for i, t := range types {
		columns[i] = Column{Name: t.Name(), Type: strings.ToLower(t.DatabaseTypeName())}
		switch t.DatabaseTypeName() {
		case readmodel.TimeDeclared:
			columns[i].Type = string(readmodel.Time)
		case readmodel.JSONDeclared:
			columns[i].Type = string(readmodel.JSON)
		}
	}
	begun <- columns
	size := 0
	for n := 0; rows.Next(); n++ {
		if n == most || size > MaxBytes {
			return true, nil
		}
		row, targets := make([]any, len(types)), make([]any, len(types))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return false, err
		}
		for i, value := range row {
			row[i] = plain(value)
			if s, ok := row[i].(string); ok {
				size += len(s)
			}
			size += 16
		}
		select {
		case out <- row:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	return false, rows.Err()
}

// plain converts a value to a JSON type.
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
