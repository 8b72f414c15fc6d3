package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestImportFromATable checks that the command reads the database of ark-apiserver, into SQLite and
// into another PostgreSQL, verifies the result, and reports what it cannot import. It checks the
// exit code and the output, which scripts use. No output contains the password.
func TestImportFromATable(t *testing.T) {
	const password = "hush-hush-password"
	cfg := postgresServer.Database(t)
	if cfg.DSNFile != "" {
		t.Skip("NOT CHECKED: the server is one that the environment names, and its DSN may have another user")
	}
	admin := fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", cfg.User, cfg.Host, cfg.Port, cfg.Name)
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE resources (id serial PRIMARY KEY, kind text NOT NULL, namespace text NOT NULL, name text NOT NULL, resource_version bigserial,
		generation bigint DEFAULT 1, uid text NOT NULL, spec jsonb NOT NULL DEFAULT '{}', status jsonb DEFAULT '{}', labels jsonb DEFAULT '{}', annotations jsonb DEFAULT '{}',
		finalizers jsonb DEFAULT '[]', created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), deleted_at timestamptz,
		owner_references jsonb DEFAULT '[]', deletion_timestamp timestamptz, api_version text NOT NULL DEFAULT '')`)
	exec(`INSERT INTO resources (kind, namespace, name, uid, spec) SELECT 'Agent', 'team', 'a-' || n, 'uid-' || n, '{"prompt":"Be brief."}' FROM generate_series(1, 700) n`)

	dir := t.TempDir()
	dsn := manifest(t, dir, "source.dsn", fmt.Sprintf("postgres://%s:%s@%s:%d/%s?sslmode=disable\n", cfg.User, password, cfg.Host, cfg.Port, cfg.Name))
	from, db := "--from-dsn-file="+dsn, "--db-path="+filepath.Join(dir, "ark.db")
	var all strings.Builder
	say := func(code int, args ...string) string {
		t.Helper()
		out := command(t, code, append([]string{"import"}, args...)...)
		all.WriteString(out)
		return out
	}
	wantTexts(t, say(0, from, db, "--dry-run"), "nothing was written", "created")
	wantTexts(t, say(0, from, db), "created", "  all                     700\n")
	wantTexts(t, say(0, from, db, "--verify"), "unchanged")
	exec(`UPDATE resources SET labels = '{"a":"b"}', resource_version = nextval('resources_resource_version_seq') WHERE name = 'a-1'`)
	exec(`UPDATE resources SET deleted_at = now(), resource_version = nextval('resources_resource_version_seq') WHERE name = 'a-2'`)
	wantTexts(t, say(1, from, db, "--verify"), "Agent team/a-1: differs in metadata.labels", "Agent team/a-2: only here", "2 differences")
	wantTexts(t, say(0, from, db), "updated", "deleted", "1 rows are of objects that have been deleted")
	wantTexts(t, say(0, from, db, "--verify"), "unchanged")
	wantTexts(t, command(t, 0, "export", "--to-file=-", "--format=ndjson", db), `"uid":"uid-700"`)
	exec(`INSERT INTO resources (kind, namespace, name, uid, spec) VALUES ('Agent', 'team', 'broken', 'b', '["hush-hush-value"]')`)
	wantTexts(t, say(1, from, db), "Agent team/broken (row with id 701): refused", "1 objects were not taken")

	target := postgresServer.Database(t)
	wantTexts(t, say(1, from, "--storage=postgresql", "--db-host="+target.Host, fmt.Sprintf("--db-port=%d", target.Port), "--db-name="+target.Name, "--db-user="+target.User),
		"created", "refused", "  all                     699")

	wantTexts(t, say(2, from, "--from-file=x", db), "--from-dsn-file=", "leave one of them out")
	wantTexts(t, say(1, "--from-dsn-file="+manifest(t, dir, "bad.dsn", "postgres://x:"+password+"@[/x"), db), "--from-dsn-file=", "no valid DSN")
	wantTexts(t, say(1, "--from-dsn-file="+manifest(t, dir, "away.dsn", "postgres://x:"+password+"@127.0.0.1:1/x"), db), "--from-dsn-file=", "connect to the database")
	if text := all.String(); strings.Contains(text, "hush-hush") {
		t.Errorf("a secret was told:\n%s", text)
	}
}
