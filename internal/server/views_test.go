package server

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // driver for database/sql

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

// viewed are objects with values that views could convert incorrectly: NUL characters, quotes and
// backslashes in strings, empty strings, missing fields, fields of other types, credentials in
// addresses, and values that are not JSON.
var viewed = map[string]string{
	"agents/a/plain": `{"metadata":{"namespace":"forged","uid":"u1","creationTimestamp":"2026-01-02T03:04:05Z","generation":3,"labels":{"team":"x","example.com/a-b":""},"ownerReferences":[{"kind":"Team","name":"t"}]},
		"spec":{"description":"it's \\ \"quoted\"","prompt":"a\u0000b\u0000\u0000c \\u0000 \\\u0000","modelRef":{"name":"gpt"},"tools":[{"name":"one","type":"x"},{"type":"built-in"},{}]},
		"status":{"conditions":[{"type":"Available","status":"False","reason":"r","message":"m\u0000","lastTransitionTime":"2026-01-02T03:04:06Z"},{"type":"Ready","status":"True"}]}}`,
	"agents/a/empty":     `{"metadata":{},"spec":{"prompt":"","tools":"none"}}`,
	"agents/b/encrypted": "k8s:enc:aescbc:v1:key1:\x00\xff",
	"models/a/gpt":       `{"metadata":{"uid":"u2"},"spec":{"provider":"openai","model":{"value":"gpt-4o"}},"status":{"resolvedAddress":"https://eve:s3cr3t@h:8080/v1?key=s3cr3t#s3cr3t","conditions":[{"type":"ModelAvailable","status":"True"}]}}`,
	"mcpservers/a/m":     `{"metadata":{"uid":"u3"},"spec":{"transport":"sse"},"status":{"resolvedAddress":"http://h/a@b","toolCount":12345678901}}`,
	"teams/a/t":          `{"metadata":{"uid":"u4"},"spec":{"strategy":"sequential","maxTurns":7,"members":[{"name":"m1","type":"agent"},{"name":"m2"}]}}`,
	"queries/a/q":        `{"metadata":{"uid":"u5","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"input":"hello","target":{"type":"agent","name":"plain"},"sessionId":"s","conversationId":"c0","cancel":true},"status":{"conversationId":"c1","phase":"done","duration":"1h2m3.5s","tokenUsage":{"promptTokens":10,"completionTokens":5,"totalTokens":15},"response":{"content":"ok","target":{"type":"agent","name":"plain"},"raw":"[{\"role\":\"assistant\",\"name\":\"w\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"2\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},{\"error\":1},{\"role\":\"tool\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"text\":\"two\"}]},{\"role\":\"assistant\",\"content\":\"ok\"}]"}}}`,
	"queries/a/ms":       `{"metadata":{"uid":"u6"},"spec":{"input":[{"role":"user"}]},"status":{"duration":"250.7ms","response":{"raw":"not JSON"}}}`,
	"queries/b/none":     `{"metadata":{"uid":"u7"},"spec":{"input":5},"status":{"duration":"soon","tokenUsage":{"totalTokens":"15"}}}`,
	"arkconfigs/a/c":     `{"metadata":{"uid":"u8"},"spec":{"queryTTL":"720h"}}`,
	"a2atasks/a/t":       `{"metadata":{"uid":"u9"},"spec":{"input":"x"},"status":{"startTime":"2026-01-01T00:00:00Z","completionTime":"2026-01-01T00:00:01Z"}}`,
	"tools/a/t":          `{"metadata":{"uid":"u10"},"spec":{"type":"http"},"status":{"state":"Ready","message":"fine"}}`,
	"memories/a/m":       `{"metadata":{"uid":"u11"},"status":{"lastResolvedAddress":"http://ark"}}`,
	"memories/a/":        `{}`,
}

// TestViewsOnDatabases checks that a role without other permissions reads the same rows from views
// in the database itself as the read model has, also after the views were recreated.
func TestViewsOnDatabases(t *testing.T) {
	t.Run("postgresql", func(t *testing.T) {
		cfg := postgresServer.Database(t)
		dsn := fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", cfg.User, cfg.Host, cfg.Port, cfg.Name)
		admin := postgresAdmin{Kind: PostgreSQL, Database: cfg}
		open := func() *sql.DB {
			db, err := sql.Open("pgx", dsn)
			if err != nil {
				t.Fatal(err)
			}
			db.SetMaxOpenConns(1)
			t.Cleanup(func() { _ = db.Close() })
			return db
		}
		root := open()
		role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
		t.Cleanup(func() { _, _ = root.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
		compareViews(t, admin, role, "ark.", func() *sql.DB {
			db := open()
			if _, err := db.ExecContext(t.Context(), "SET ROLE "+role); err != nil {
				t.Fatal(err)
			}
			return db
		})
	})
	t.Run("mysql", func(t *testing.T) {
		cfg := mariadbServer.Database(t)
		dsn := fmt.Sprintf("%s@tcp(%s:%d)/%s", cfg.User, cfg.Host, cfg.Port, cfg.Name)
		role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
		root, err := sql.Open("mysql", dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = root.Close() })
		compareViews(t, mysqlAdmin{Kind: MySQL, Database: cfg}, role, "", func() *sql.DB {
			user := role + "_u"
			for _, s := range []string{"CREATE USER '" + user + "'@'%' IDENTIFIED BY 'pw'", "GRANT '" + role + "' TO '" + user + "'@'%'"} {
				if _, err := root.ExecContext(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() { _, _ = root.Exec("DROP USER '" + user + "'@'%'"); _, _ = root.Exec("DROP ROLE '" + role + "'") })
			c, err := mysql.ParseDSN(dsn)
			if err != nil {
				t.Fatal(err)
			}
			name := c.DBName
			c.User, c.Passwd, c.DBName = user, "pw", ""
			db, err := sql.Open("mysql", c.FormatDSN())
			if err != nil {
				t.Fatal(err)
			}
			db.SetMaxOpenConns(1)
			t.Cleanup(func() { _ = db.Close() })
			for _, s := range []string{"SET ROLE '" + role + "'", "USE `" + name + "`"} {
				if _, err := db.ExecContext(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			return db
		})
	})
}

func compareViews(t *testing.T, admin Admin, role, schema string, login func() *sql.DB) {
	engine, err := admin.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(t.Context(), engine, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	write := func(key string, op mvcc.Op) {
		t.Helper()
		if _, err := store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{op}}, mvcc.Actor{}); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	write("gone", &mvcc.Put{Key: []byte(readmodel.Prefix + "agents/a/gone"), Value: []byte(`{"metadata":{"uid":"gone"}}`)})
	for key, value := range viewed {
		write(key, &mvcc.Put{Key: []byte(readmodel.Prefix + key), Value: []byte(`{"metadata":{"uid":"before"}}`)})
		write(key, &mvcc.Put{Key: []byte(readmodel.Prefix + key), Value: []byte(value)})
	}
	write("gone", &mvcc.Delete{Span: mvcc.Span{Key: []byte(readmodel.Prefix + "agents/a/gone")}})
	if again, err := admin.InstallViews(t.Context(), ""); err != nil || again {
		t.Fatalf("views that were never made are made again: %t, %v", again, err)
	}
	for range 2 {
		if _, err := admin.InstallViews(t.Context(), role); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "model.db")
	followTo(t, path, store, nil)
	runner := sqlquery.New(path)
	db := login()
	for step := range 2 {
		for name, columns := range sqlquery.Views() {
			if name == readmodel.Revisions {
				continue
			}
			same(t, db, runner, schema, name, columns)
		}
		for _, table := range []string{"ark_log", "ark_state", "ark_side"} {
			if _, err := db.ExecContext(t.Context(), "SELECT 1 FROM "+table); err == nil {
				t.Errorf("the role may read %s", table)
			}
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM "+schema+"labels"); err == nil {
			t.Error("the role may delete")
		}
		if step == 0 {
			if _, err := admin.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if again, err := admin.InstallViews(t.Context(), ""); err != nil || !again {
				t.Fatalf("the views are not made again: %t, %v", again, err)
			}
		}
	}
}

// same compares the rows of a view with the read model's.
func same(t *testing.T, db *sql.DB, runner *sqlquery.Runner, schema, name string, columns []readmodel.Column) {
	t.Helper()
	everything := map[string]sqlquery.Rows{}
	for _, k := range readmodel.Kinds() {
		everything[k.Resource] = sqlquery.Rows{All: true}
	}
	want, err := runner.Run(t.Context(), sqlquery.Request{Query: "SELECT * FROM " + name, Rows: everything})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+schema+name)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	names, err := rows.Columns()
	if err != nil || len(names) != len(columns) {
		t.Fatalf("%s has columns %v, want %d (%v)", name, names, len(columns), err)
	}
	got := map[string]int{}
	for rows.Next() {
		row, into := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		got[line(columns, row)]++
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	wanted := map[string]int{}
	for _, row := range want.Rows {
		wanted[line(columns, row)]++
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, lines(got), lines(wanted))
	}
}

func lines(all map[string]int) string {
	var b strings.Builder
	for l := range all {
		b.WriteString(l + "\n")
	}
	return b.String()
}

// line returns a row as text, regardless of the driver's types.
func line(columns []readmodel.Column, row []any) string {
	cells := make([]string, len(row))
	for i, c := range columns {
		var text string
		switch v := row[i].(type) {
		case nil:
			cells[i] = "NULL"
			continue
		case []byte:
			text = string(v)
		case time.Time:
			text = v.UTC().Format(time.RFC3339)
		default:
			text = fmt.Sprint(v)
		}
		switch {
		case c.Type == readmodel.JSON, c.How == readmodel.OfTextOrJSON:
			var value any
			if json.Unmarshal([]byte(text), &value) == nil {
				text = fmt.Sprint(value)
			}
		case c.Type == readmodel.Time:
			if at, err := time.Parse(time.DateTime, text); err == nil {
				text = at.Format(time.RFC3339)
			}
		case c.Type == readmodel.Boolean:
			yes, _ := strconv.ParseBool(text)
			text = fmt.Sprint(yes)
		}
		cells[i] = strconv.Quote(text)
	}
	return strings.Join(cells, " ")
}
