package arktable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// connectTimeout bounds the wait for a connection.
const connectTimeout = 10 * time.Second

// Options say where the table is.
type Options struct {
	// DSNFile holds one line in libpq's notation, such as
	// postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full.
	DSNFile string
	// Note is told what a user should know of the source; nil for nobody.
	Note func(format string, args ...any)
}

// Table is a transfer.Source. Its methods are called by one goroutine.
type Table struct {
	conn    *pgx.Conn
	note    func(format string, args ...any)
	id      string
	columns []column
	newest  int64
	// kinds are those that this release knows, in the order in which they are moved.
	kinds []install.Kind
}

var _ transfer.Source = &Table{}

// Open connects to the database and looks whether the table is one of ark-apiserver's.
func Open(ctx context.Context, o Options) (*Table, error) {
	config, err := configure(o.DSNFile)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	t := &Table{conn: conn, note: o.Note, kinds: install.Kinds()}
	if t.note == nil {
		t.note = func(string, ...any) {}
	}
	if err := t.look(ctx); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// configure reads the DSN. The errors do not quote it, for it has a password.
func configure(file string) (*pgx.ConnConfig, error) {
	given := database.Config{DSNFile: file}
	dsn, err := given.ReadDSN()
	if err != nil {
		return nil, fmt.Errorf("read the DSN: %w", err)
	}
	const example = "write one line such as postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full"
	if strings.TrimSpace(dsn) == "" {
		return nil, errors.New("the file is empty: " + example)
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the file holds no valid DSN of PostgreSQL: " + example)
	}
	config.ConnectTimeout = connectTimeout
	// Poolers that share connections between clients keep no prepared statements.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "ark-server import"
	}
	return config, nil
}

// Close ends the connection.
func (t *Table) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	return t.conn.Close(ctx)
}

// read runs do in a transaction that cannot write and sees one moment. Limits of time that the
// database has for its own programs do not end it.
func (t *Table) read(ctx context.Context, do func(pgx.Tx) error) error {
	tx, err := t.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // there is nothing to keep
	for _, limit := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		if _, err := tx.Exec(ctx, "SET LOCAL "+limit+" = 0"); err != nil {
			return fmt.Errorf("set up the transaction: %w", err)
		}
	}
	return do(tx)
}

// look finds out which database it is, and which columns the table has.
func (t *Table) look(ctx context.Context) error {
	err := t.read(ctx, func(tx pgx.Tx) error {
		var name, schema string
		var there bool
		err := tx.QueryRow(ctx, "SELECT current_database(), coalesce(current_schema(), ''), to_regclass('resources') IS NOT NULL").Scan(&name, &schema, &there)
		if err != nil {
			return fmt.Errorf("look for the table resources: %w", err)
		}
		if !there {
			return fmt.Errorf("the database %s has no table resources in its schema %q: it is not the one of Ark's ark-apiserver", name, schema)
		}
		t.id = "table " + name + "." + schema
		t.columns, err = columnsOf(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	// A database of the same name on another server is another source. Not every user may ask.
	server := fmt.Sprintf("%s:%d", t.conn.Config().Host, t.conn.Config().Port)
	_ = t.read(ctx, func(tx pgx.Tx) error {
		var id string
		err := tx.QueryRow(ctx, "SELECT system_identifier::text FROM pg_control_system()").Scan(&id)
		if err == nil {
			server = id
		}
		return err
	})
	t.id += " of PostgreSQL " + server
	return nil
}

// ID implements transfer.Source.
func (t *Table) ID() string { return t.id }

// Serves implements transfer.Source. The table has a place for every kind.
func (t *Table) Serves(string) bool { return true }

// Revision is the greatest resourceVersion of the table.
func (t *Table) Revision() int64 { return t.newest }

// Objects implements transfer.Source.
func (t *Table) Objects(ctx context.Context, batch func([]transfer.Item) error) error {
	t.note("note: ark-apiserver keeps no managedFields, generateName and deletionGracePeriodSeconds, and times to the second: objects come without")
	return t.read(ctx, func(tx pgx.Tx) error {
		var deleted int64
		err := tx.QueryRow(ctx, "SELECT coalesce(max(resource_version), 0), count(*) FILTER (WHERE deleted_at IS NOT NULL) FROM resources").Scan(&t.newest, &deleted)
		if err != nil {
			return fmt.Errorf("look how many rows there are: %w", err)
		}
		if deleted > 0 {
			t.note("note: %d rows are of objects that have been deleted, which ark-apiserver keeps for some minutes: not taken", deleted)
		}
		r := &reader{Table: t, batch: batch, seen: map[string]int64{}}
		var names []string
		for _, kind := range t.kinds {
			if err := r.rows(ctx, tx, "kind = $1", kind.Name); err != nil {
				return err
			}
			names = append(names, kind.Name)
		}
		// What this release does not know is named, not passed over.
		if err := r.rows(ctx, tx, "kind <> ALL($1::text[])", names); err != nil {
			return err
		}
		return r.flush()
	})
}
