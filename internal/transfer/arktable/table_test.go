package arktable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
	"github.com/mckinsey/ark-server/internal/sqltest"
	"github.com/mckinsey/ark-server/internal/transfer"
)

var server sqltest.Postgres

func TestMain(m *testing.M) {
	code := m.Run()
	server.Stop()
	os.Exit(code)
}

// password is in no output. The test's server does not ask for it.
const password = "hush-hush-password"

// form is the table as ark-apiserver's migrations leave it.
const form = `
CREATE TABLE resources (
	id serial PRIMARY KEY, kind text NOT NULL, namespace text NOT NULL, name text NOT NULL,
	resource_version bigserial, generation bigint DEFAULT 1, uid text NOT NULL,
	spec jsonb NOT NULL DEFAULT '{}', status jsonb DEFAULT '{}', labels jsonb DEFAULT '{}', annotations jsonb DEFAULT '{}',
	finalizers jsonb DEFAULT '[]', created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), deleted_at timestamptz,
	owner_references jsonb DEFAULT '[]', deletion_timestamp timestamptz, api_version text NOT NULL DEFAULT '');
CREATE UNIQUE INDEX idx_resources_unique_active ON resources (kind, namespace, name) WHERE deleted_at IS NULL;
CREATE TABLE storage_metadata (key text PRIMARY KEY, value bigint NOT NULL);
DROP ROLE IF EXISTS ark_apiserver_reader;
CREATE ROLE ark_apiserver_reader LOGIN;
GRANT SELECT ON resources TO ark_apiserver_reader;`

// upstream is a database of ark-apiserver, written as that writes it.
type upstream struct {
	conn *pgx.Conn
	// dsn is a file with the way to it for a user who may only read.
	dsn string
}

var roles sync.Mutex // the role is the server's, not the database's

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	cfg := server.Database(t)
	admin := adminDSN(t, cfg)
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	u := &upstream{conn: conn, dsn: filepath.Join(t.TempDir(), "ark-apiserver.dsn")}
	roles.Lock()
	u.exec(t, strings.ReplaceAll(form, "ark_apiserver_reader", "reader_"+conn.Config().Database))
	roles.Unlock()
	t.Cleanup(func() {
		_, _ = conn.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY reader_"+conn.Config().Database+"; DROP ROLE reader_"+conn.Config().Database)
	})
	c := conn.Config()
	line := fmt.Sprintf("postgres://reader_%s:%s@%s:%d/%s?sslmode=disable\n", c.Database, password, c.Host, c.Port, c.Database)
	if err := os.WriteFile(u.dsn, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

func adminDSN(t *testing.T, cfg database.Config) string {
	t.Helper()
	if cfg.DSNFile == "" {
		return fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", cfg.User, cfg.Host, cfg.Port, cfg.Name)
	}
	dsn, err := cfg.ReadDSN()
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

func (u *upstream) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := u.conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// create adds a row as ark-apiserver does for a new object, and then for the writes that it has
// seen.
func (u *upstream) create(t *testing.T, kind, namespace, name string, more map[string]any) {
	t.Helper()
	columns, places, args := "kind, namespace, name", "$1, $2, $3", []any{kind, namespace, name}
	if _, given := more["uid"]; !given {
		more["uid"] = strings.ToLower(kind) + "-" + name + "-4d6f"
	}
	for column, value := range more {
		if text, is := value.(string); is && strings.HasPrefix(text, "sql:") {
			columns += ", " + column
			places += ", " + strings.TrimPrefix(text, "sql:")
			continue
		}
		switch value.(type) {
		case map[string]any, []any:
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			value = string(text)
		}
		args = append(args, value)
		columns += ", " + column
		places += fmt.Sprintf(", $%d", len(args))
	}
	u.exec(t, "INSERT INTO resources ("+columns+") VALUES ("+places+")", args...)
}

// samples fills the table with objects of every kind that hold all that its columns can, and
// returns how many.
func (u *upstream) samples(t *testing.T, each int) int {
	t.Helper()
	u.exec(t, "BEGIN")
	n := 0
	for _, s := range registrytest.Samples() {
		for i := range each {
			namespace, name := fmt.Sprintf("team-%d", i%3), fmt.Sprintf("x-%d", i)
			if s.ClusterScoped {
				namespace = ""
			}
			more := map[string]any{
				"spec": s.Object(namespace, name)["spec"], "status": s.StatusValue(), "generation": 1 + i%4, "api_version": "ark.mckinsey.com/" + s.Version,
				"labels": map[string]any{"app": "any", "number": fmt.Sprint(i)}, "annotations": map[string]any{"note": "<&>\u2028 \u00fc"},
				"finalizers": []any{"ark.mckinsey.com/finalizer"}, "created_at": "sql:'2025-01-31 13:00:00.123456+01'",
			}
			switch i % 5 {
			case 1: // of a release without the column
				more["api_version"] = ""
			case 2:
				more["deletion_timestamp"] = "sql:'2025-02-01 12:00:00Z'"
			case 3:
				more["labels"], more["annotations"], more["finalizers"], more["status"] = nil, nil, nil, nil
			case 4:
				if !s.ClusterScoped {
					more["owner_references"] = []any{map[string]any{"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Query", "name": fmt.Sprintf("x-%d", i), "uid": fmt.Sprintf("query-x-%d-4d6f", i)}}
				}
				if s.Kind == "Query" {
					delete(more, "owner_references")
				}
			}
			u.create(t, s.Kind, namespace, name, more)
			n++
		}
	}
	u.exec(t, "COMMIT")
	return n
}

func (u *upstream) open(t *testing.T, told *said) *Table {
	t.Helper()
	table, err := Open(t.Context(), Options{DSNFile: u.dsn, Note: told.notef})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = table.Close() })
	return table
}

// said collects what a run reports.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) notef(format string, args ...any) { s.line(fmt.Sprintf(format, args...)) }

func (s *said) line(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
}

func (s *said) want(t *testing.T, texts ...string) {
	t.Helper()
	all := strings.Join(s.lines, "\n")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("nobody says %q:\n%s", text, all)
		}
	}
}

func runImport(t *testing.T, from transfer.Source, into *transfer.Store, told *said) *transfer.Summary {
	t.Helper()
	summary, err := transfer.Import(t.Context(), from, into, transfer.ImportOptions{Prune: true, Reports: transfer.Reports{Line: told.line}})
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

func verify(t *testing.T, from transfer.Source, with *transfer.Store, told *said) *transfer.Summary {
	t.Helper()
	summary, err := transfer.Verify(t.Context(), from, with, true, transfer.ImportOptions{Reports: transfer.Reports{Line: told.line}})
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

// wantCounts wants these outcomes and no others.
func wantCounts(t *testing.T, s *transfer.Summary, told *said, want map[transfer.Outcome]int) {
	t.Helper()
	for _, o := range []transfer.Outcome{
		transfer.Created, transfer.Updated, transfer.Deleted, transfer.Unchanged, transfer.Conflict, transfer.Refused, transfer.Skipped,
		transfer.Different, transfer.Missing, transfer.Surplus,
	} {
		if got := s.Total(o); got != want[o] {
			t.Errorf("%s: %d, want %d; the last lines:\n%s", o, got, want[o], strings.Join(told.lines[max(0, len(told.lines)-20):], "\n"))
		}
	}
}

var errCut = errors.New("the import was cut off")

// cut ends a source after so many objects.
type cut struct {
	transfer.Source
	after int
	then  func()
}

func (c *cut) Objects(ctx context.Context, batch func([]transfer.Item) error) error {
	left := c.after
	return c.Source.Objects(ctx, func(items []transfer.Item) error {
		if len(items) > left {
			items = items[:left]
		}
		if left -= len(items); left > 0 {
			return batch(items)
		}
		if err := batch(items); err != nil {
			return err
		}
		if c.then != nil {
			c.then()
			return nil // the source notices by itself
		}
		return errCut
	})
}
