package sqlquery

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// SQLite does not ask the authorizer about columns that NATURAL and USING compare, so base tables
// must not have names that a statement can write. The test tries each table of the file with each
// such join.
func TestJoinsReachNoBaseTable(t *testing.T) {
	r := open(t)
	db, err := sql.Open("sqlite", "file:"+r.path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // read only: nothing is lost on an error
	rows, err := db.QueryContext(t.Context(), `SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'
		UNION ALL SELECT 'sqlite_schema', 'sql' UNION ALL SELECT 'sqlite_master', 'name' UNION ALL SELECT 'sqlite_dbpage', 'data' UNION ALL SELECT 'dbstat', 'name'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	tried := 0
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		for _, prefix := range []string{"", "main."} {
			for _, query := range []string{
				"select c from (select 'x' as c) full join PT using (c)",
				"select c from PT full join (select 'x' as c) using (c)",
				"select group_concat(c) from (select 'x' as c) natural full join PT",
				"select count(*) from (select name as c from queries) natural join PT",
				"select coalesce(c, 'none') from (select 'x' as c) right join PT using (c)",
				"select c from agents a full join (select 'x' as c) using (c) full join PT using (c)",
				"with q as (select 1 as c) select c from q full join PT using (c)",
			} {
				query = strings.NewReplacer("PT", prefix+table, "c)", `"`+column+`")`, "as c", `as "`+column+`"`, "select c", `select "`+column+`"`).Replace(query)
				answer, err := r.Run(t.Context(), Request{Query: query, Rows: inA()})
				if text := fmt.Sprint(answer, err); strings.Contains(text, hidden) || strings.HasPrefix(query, "select count") && err == nil && fmt.Sprint(answer.Rows) != "[[0]]" {
					t.Errorf("%s: shows %.200s", query, text)
				}
				tried++
			}
		}
	}
	if err := rows.Err(); err != nil || tried < 1000 {
		t.Fatalf("%d were tried: %v", tried, err)
	}
}

// BenchmarkRequest measures the cost of a request without its statement: a connection, the views
// and the sandbox.
func BenchmarkRequest(b *testing.B) {
	r := open(b)
	for b.Loop() {
		if _, err := r.Run(b.Context(), Request{Query: "select 1", Rows: inA()}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAfterVacuum queries the file after it has been rewritten, which changes the order of its
// tables.
func TestAfterVacuum(t *testing.T) {
	r := open(t)
	db, err := sql.Open("sqlite", "file:"+r.path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "VACUUM")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), Request{Query: "select name from queries", Rows: inA()}); err != nil {
		t.Error(err)
	}
}
