package arktable

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/mckinsey/ark-server/internal/storetest"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// Objects of every kind come with all that the table has of them, are verified, and are taken once.
func TestImport(t *testing.T) {
	t.Parallel()
	u, store := newUpstream(t), transfer.NewStore(storetest.OpenKV(t))
	n := u.samples(t, 50)
	u.create(t, "Agent", "team-0", "gone", map[string]any{"deleted_at": "sql:now()"})
	var told said
	table := u.open(t, &told)
	wantCounts(t, verify(t, table, store, &told), &told, map[transfer.Outcome]int{transfer.Missing: n})
	wantCounts(t, runImport(t, table, store, &told), &told, map[transfer.Outcome]int{transfer.Created: n})
	wantCounts(t, verify(t, table, store, &told), &told, map[transfer.Outcome]int{transfer.Unchanged: n})
	wantCounts(t, runImport(t, table, store, &told), &told, map[transfer.Outcome]int{transfer.Unchanged: n})
	told.want(t, "1 rows are of objects that have been deleted", "keeps no managedFields")
	out := exported(t, store)
	for _, text := range []string{
		`"uid":"query-x-0-4d6f"`, `"creationTimestamp":"2025-01-31T12:00:00Z"`, `"deletionTimestamp":"2025-02-01T12:00:00Z"`, `"generation":4`,
		`"finalizers":["ark.mckinsey.com/finalizer"]`, `"ownerReferences"`, `"conditions"`, `"number":"49"`,
	} {
		if !strings.Contains(out, text) {
			t.Errorf("no %s in what was imported", text)
		}
	}
}

func exported(t *testing.T, store *transfer.Store) string {
	t.Helper()
	var out strings.Builder
	if _, err := transfer.Write(t.Context(), store, transfer.NDJSON, &out, transfer.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A run that is cut off, or whose connection is, deletes nothing and goes on where it was; a later
// one takes the delta.
func TestImportResumes(t *testing.T) {
	t.Parallel()
	u, store := newUpstream(t), transfer.NewStore(storetest.OpenKV(t))
	n := u.samples(t, 50)
	var told said
	table := u.open(t, &told)
	const first = 200
	summary, err := transfer.Import(t.Context(), &cut{Source: table, after: first}, store, transfer.ImportOptions{Prune: true})
	if !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	created := summary.Total(transfer.Created)
	if created == 0 || created > first {
		t.Fatalf("%d objects were taken before the end", created)
	}
	ended := func() {
		u.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ark-server import' AND datname = current_database()")
	}
	again := u.open(t, &told)
	if _, err := transfer.Import(t.Context(), &cut{Source: again, after: n - 100, then: ended}, store, transfer.ImportOptions{Prune: true}); err == nil {
		t.Fatal("an import whose connection was ended says nothing")
	}
	table = u.open(t, &told)
	summary = runImport(t, table, store, &told)
	if summary.Total(transfer.Unchanged) == 0 || summary.Total(transfer.Created)+summary.Total(transfer.Unchanged) != n {
		t.Errorf("%d created and %d unchanged of %d", summary.Total(transfer.Created), summary.Total(transfer.Unchanged), n)
	}
	// As ark-apiserver writes: an update, a status, a deletion, and a new object under an old name.
	u.exec(t, `UPDATE resources SET labels = '{"app":"other"}', resource_version = nextval('resources_resource_version_seq') WHERE kind = 'Agent' AND name = 'x-1'`)
	u.exec(t, `UPDATE resources SET status = '{"phase":"done"}', resource_version = nextval('resources_resource_version_seq') WHERE kind = 'Query' AND name = 'x-0'`)
	u.exec(t, `UPDATE resources SET deleted_at = now(), resource_version = nextval('resources_resource_version_seq') WHERE kind IN ('Tool', 'Team') AND name = 'x-3'`)
	u.create(t, "Team", "team-0", "x-3", map[string]any{"uid": "another", "spec": map[string]any{"members": []any{map[string]any{"name": "a", "type": "agent"}}, "strategy": "sequential"}})
	wantCounts(t, runImport(t, table, store, &told), &told, map[transfer.Outcome]int{transfer.Updated: 3, transfer.Deleted: 1, transfer.Unchanged: n - 4})
	wantCounts(t, verify(t, table, store, &told), &told, map[transfer.Outcome]int{transfer.Unchanged: n - 1})
}

// A row that is no object is named, and the others are taken. None of its values is told.
func TestOddRows(t *testing.T) {
	t.Parallel()
	u, store := newUpstream(t), transfer.NewStore(storetest.OpenKV(t))
	u.exec(t, "DROP INDEX idx_resources_unique_active; ALTER TABLE resources ADD COLUMN of_a_later_release jsonb")
	const secret = "hush-hush-value"
	prompt := map[string]any{"prompt": "Be brief."}
	for name, more := range map[string]map[string]any{
		"fine":        {"spec": prompt},
		"null":        {"spec": prompt, "labels": nil, "annotations": nil, "status": nil, "finalizers": nil, "owner_references": nil, "generation": nil},
		"no-spec":     {},
		"unknown":     {"spec": map[string]any{"prompt": "x", "fromTheFuture": map[string]any{"key": secret}}},
		"no-uid":      {"spec": prompt, "uid": ""},
		"no-time":     {"spec": prompt, "created_at": nil},
		"forever":     {"spec": prompt, "created_at": "sql:'infinity'"},
		"number":      {"spec": prompt, "labels": map[string]any{"n": 1}},
		"list":        {"spec": []any{secret}},
		"wrong":       {"spec": map[string]any{"prompt": map[string]any{"not": secret}}},
		"version":     {"spec": prompt, "api_version": "ark.mckinsey.com/v9"},
		"../escape":   {"spec": prompt},
		"far-in-time": {"spec": prompt, "created_at": "sql:'12025-01-01'"},
	} {
		u.create(t, "Agent", "team", name, more)
	}
	u.create(t, "Agent", "team", "fine", map[string]any{"spec": map[string]any{"prompt": "Second."}})
	u.create(t, "Agent", "", "nowhere", map[string]any{"spec": prompt})
	u.create(t, "Evaluation", "team", "old", map[string]any{"spec": map[string]any{"a": secret}})
	var told said
	table := u.open(t, &told)
	summary := runImport(t, table, store, &told)
	wantCounts(t, summary, &told, map[transfer.Outcome]int{transfer.Created: 7, transfer.Refused: 9})
	told.want(t,
		"Agent team/number (row with id ", "Agent team/list (row with id ", "Agent team/wrong (row with id ", "Agent team/far-in-time (row with id ", ": refused: the server could not read it",
		"Agent team/version (id ", `it is of the version "ark.mckinsey.com/v9"`, `Agent with the name "../escape"`,
		"Agent team/fine (id ", "is of the same object", "Agent nowhere (id ", "it has no namespace", `Evaluation team/old (id `, `knows no kind "Evaluation"`,
		"Agent team/no-uid (id ", "it has no uid and gets one", "Agent team/no-time (id ", "Agent team/forever (id ", "gets that of the import",
		"Agent team/unknown (row with id ", "kept and served with fields that this release does not know: spec.fromTheFuture",
	)
	if all := strings.Join(told.lines, "\n"); strings.Contains(all, secret) {
		t.Errorf("a value was told:\n%s", all)
	}
	// What cannot be read may be an object that came before: nothing goes for it.
	u.exec(t, `UPDATE resources SET api_version = 'ark.mckinsey.com/v9' WHERE name = 'no-spec'`)
	told.lines = nil
	wantCounts(t, runImport(t, table, store, &told), &told, map[transfer.Outcome]int{transfer.Unchanged: 6, transfer.Refused: 10})
	told.want(t, "nothing is deleted")
	wantCounts(t, verify(t, table, store, &told), &told, map[transfer.Outcome]int{transfer.Unchanged: 6, transfer.Missing: 4, transfer.Refused: 6, transfer.Surplus: 1})
}

// The tables of earlier releases lack columns.
func TestEarlierForms(t *testing.T) {
	t.Parallel()
	u, store := newUpstream(t), transfer.NewStore(storetest.OpenKV(t))
	u.create(t, "A2AServer", "team", "a", map[string]any{"spec": map[string]any{"address": map[string]any{"value": "http://a"}}})
	u.create(t, "Agent", "team", "a", map[string]any{"spec": map[string]any{"prompt": "Be brief."}})
	u.exec(t, "ALTER TABLE resources DROP COLUMN api_version, DROP COLUMN owner_references, DROP COLUMN deletion_timestamp, DROP COLUMN finalizers")
	var told said
	wantCounts(t, runImport(t, u.open(t, &told), store, &told), &told, map[transfer.Outcome]int{transfer.Created: 2})
}

// What it cannot open says why, and never with the password.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	c := u.conn.Config()
	file := func(line string) string {
		path := filepath.Join(t.TempDir(), "dsn")
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	with := func(config *pgx.ConnConfig, database string) string {
		return strings.NewReplacer("HOST", config.Host, "DB", database, "USER", config.User).Replace("postgres://USER:" + password + "@HOST:PORT/DB?sslmode=disable")
	}
	port := func(dsn string, port string) string { return strings.Replace(dsn, "PORT", port, 1) }
	here := strings.TrimSpace(string(mustRead(t, u.dsn)))
	own := here[strings.LastIndex(here, ":")+1 : strings.LastIndex(here, "/")]
	u.exec(t, "CREATE SCHEMA other; CREATE TABLE other.resources (id int, kind text)")
	for _, one := range []struct{ name, file, want string }{
		{"no file", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"empty", file("\n"), "the file is empty"},
		{"no DSN", file("postgres://x:" + password + "@[::/x"), "no valid DSN"},
		{"keywords", file("password=" + password + " port=x"), "no valid DSN"},
		{"two lines", file("postgres://x:" + password + "@h/x\nmore"), "more than one line"},
		{"nobody there", file(port(with(c, c.Database), "1")), "connect to the database"},
		{"no database", file(port(with(c, "none"), own)), `"none" does not exist`},
		{"another's database", file(port(with(c, "postgres"), own)), "has no table resources"},
		{"another's table", file(port(with(c, c.Database), own) + "&search_path=other"), "no column namespace, name"},
	} {
		table, err := Open(t.Context(), Options{DSNFile: one.file})
		if err == nil {
			_ = table.Close()
			t.Errorf("%s: no error", one.name)
			continue
		}
		if text := err.Error(); !strings.Contains(text, one.want) || strings.Contains(text, password) {
			t.Errorf("%s: %s; want %q", one.name, text, one.want)
		}
	}
	// The right to read the table is needed, and no other.
	u.exec(t, "REVOKE SELECT ON resources FROM reader_"+c.Database)
	var told said
	_, err := transfer.Import(t.Context(), u.open(t, &told), transfer.NewStore(storetest.OpenKV(t)), transfer.ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), "permission denied for table resources") {
		t.Errorf("without the right: %v", err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Nothing can be written through the connection's transactions.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	u.exec(t, "GRANT ALL ON resources TO reader_"+u.conn.Config().Database)
	var told said
	table := u.open(t, &told)
	err := table.read(t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM resources")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "read-only transaction") {
		t.Errorf("a deletion: %v", err)
	}
}
