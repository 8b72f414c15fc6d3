package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

func exec(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(t *testing.T, dir string) string
		want    []string // what the message must say: cause and remedy
	}{
		{"empty path", func(*testing.T, string) string { return "" }, []string{"empty", "./ark.db"}},
		{"folder", func(_ *testing.T, dir string) string { return dir }, []string{"is a folder", "name a file in it"}},
		{"no folder", func(_ *testing.T, dir string) string { return filepath.Join(dir, "no", "ark.db") }, []string{"folder does not exist", "mkdir -p"}},
		{"not a database", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "notes.txt")
			if err := os.WriteFile(path, []byte(strings.Repeat("no database at all\n", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, []string{"not an SQLite database", "choose another path"}},
		{"another program's", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "other.db")
			exec(t, path, "CREATE TABLE recipes (name TEXT)", "INSERT INTO recipes VALUES ('soup')")
			return path
		}, []string{"another program", "choose another path"}},
		{"newer", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "ark.db")
			e, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			e.Close()
			exec(t, path, "PRAGMA user_version = 99")
			return path
		}, []string{"newer ark-server", "schema version 99", "run that release"}},
		{"in use", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "ark.db")
			e, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { e.Close() })
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(dir, link); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(link, "ark.db")
		}, []string{fmt.Sprintf("process %d has it open", os.Getpid()), "stop that one"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := tc.prepare(t, t.TempDir())
			before, _ := os.ReadFile(path)
			e, err := Open(t.Context(), path, Options{})
			if err == nil {
				e.Close()
				t.Fatal("opened")
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file has changed")
			}
		})
	}
}

// TestFullDisk: SQLite's own limit on pages fails writes just as a full disk
// does. Nothing is half written, reads go on, and with room again so do writes.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	e, s := openBoth(t, path)
	put := func(i int) error {
		_, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: fmt.Append(nil, i), Value: make([]byte, 3000)}}}, mvcc.Actor{})
		return err
	}
	limit := func(pages int) {
		if _, err := e.writer.ExecContext(context.Background(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	limit(20)
	var full error
	n := 1
	for ; full == nil && n < 100; n++ {
		full = put(n)
	}
	if !errors.Is(full, mvcc.ErrNoSpace) {
		t.Fatalf("after %d writes: %v", n, full)
	}
	n--
	if r := s.Revision(); r != int64(n)+1 {
		t.Errorf("revision %d after %d writes", r, n)
	}
	limit(1 << 20)
	if err := put(n); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	keys := 0
	st, err := e.Load(t.Context(), func(*mvcc.KeyValue) error { keys++; return nil })
	if err != nil || keys != n+1 || st.Revision != int64(n)+2 {
		t.Errorf("%d keys, revision %d, %v; want %d and %d", keys, st.Revision, err, n+1, n+2)
	}
}

// TestActorColumns: the log says who wrote each row.
func TestActorColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	s := openStore(t, path)
	actor := mvcc.Actor{User: "ann", Groups: "a,b", Impersonator: "root", UserAgent: "kubectl", FieldManager: "apply", AuditID: "4711", Verb: "create"}
	if _, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("k"), Value: []byte("v")}}}, actor); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var got mvcc.Actor
	var at, now int64
	if err := db.QueryRow(`SELECT user, groups, impersonator, user_agent, field_manager, audit_id, verb, at, unixepoch() * 1000 FROM log WHERE id >> 20 = 2`).
		Scan(&got.User, &got.Groups, &got.Impersonator, &got.UserAgent, &got.FieldManager, &got.AuditID, &got.Verb, &at, &now); err != nil {
		t.Fatal(err)
	}
	if got != actor {
		t.Errorf("%+v, want %+v", got, actor)
	}
	if at > now+1000 || at < now-3600_000 {
		t.Errorf("written at %d, now is %d", at, now)
	}
}

// TestHotStatementsUseKeys: no statement that runs often scans a table.
func TestHotStatementsUseKeys(t *testing.T) {
	e, err := Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, query := range []string{
		eventsQuery.Text, pruneReplacedStatement.Text, pruneGoneStatement.Text, deleteStateStatement.Text, stateQuery, loadQuery.Text,
	} {
		n := strings.Count(query, "?")
		rows, err := e.readers.Query("EXPLAIN QUERY PLAN "+query, make([]any, n)...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			for _, slow := range []string{"SCAN", "TEMP B-TREE", "AUTOMATIC"} {
				if strings.Contains(detail, slow) && !strings.Contains(detail, "CONSTANT ROW") {
					t.Errorf("%s\n%s", query, detail)
				}
			}
			t.Log(detail)
		}
		rows.Close()
	}
}
