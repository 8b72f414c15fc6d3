package mysql

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
)

// fill makes large tables, whose size the server knows.
func fill(t *testing.T, e *Engine) {
	t.Helper()
	enginetest.Fill(t, e)
	rows, err := e.pruner.QueryContext(t.Context(), "ANALYZE TABLE "+strings.Join(ourTables, ","))
	if err != nil {
		t.Fatal(err)
	}
	rows.Close()
}

// TestHotStatementsUseKeys: whatever the tables grow to, a statement that runs
// often finds its rows by a key.
func TestHotStatementsUseKeys(t *testing.T) {
	t.Parallel()
	e := open(t, server.Database(t))
	defer e.Close()
	fill(t, e)
	conn := session(t, e)
	var ids []int64
	for i := range int64(findMany) {
		ids = append(ids, (i*4+2)*positions)
	}
	first, end := int64(4000*positions), int64(4100*positions)
	for _, tc := range []struct {
		query string
		args  []any
		keys  string // those expected, one a table
	}{
		{turnQuery, nil, "PRIMARY"},
		{fenceStatement, nil, "PRIMARY"},
		{settleQuery(first, end, 1), nil, "PRIMARY PRIMARY"},
		{readQuery, nil, "PRIMARY PRIMARY PRIMARY"},
		{findQuery, []any{first, first + positions, 1, end, end + positions, 1}, "PRIMARY PRIMARY PRIMARY PRIMARY PRIMARY"},
		{pollQuery, nil, "PRIMARY"},
		{stateQuery, nil, "PRIMARY PRIMARY PRIMARY"},
		{leaseChangesQuery, []any{4}, "changes"},
		{forgottenQuery, nil, "PRIMARY"},
		{eventsQuery, []any{first, end, maxPage}, "PRIMARY"},
		{fmt.Sprintf(findFirstQuery, "value", list(ids)), nil, "PRIMARY"},
		{fmt.Sprintf(findOthersQuery, "value", first, first+positions), nil, "PRIMARY"},
		{loadQuery, []any{first, end}, "PRIMARY PRIMARY"},
		{pruneQuery, []any{first, end, pruneRows}, "PRIMARY"},
		{fmt.Sprintf(deleteStatement, list(ids)), nil, "PRIMARY"},
		{fmt.Sprintf(pruneStatement, 1), nil, "PRIMARY"},
		{goneQuery, []any{rememberGone, findMany}, "changes"},
		{fmt.Sprintf(goneStatement, list(ids[:10]), 5), nil, "PRIMARY"},
		{fmt.Sprintf(deleteStateStatement, list(ids)), nil, "PRIMARY"},
		{maintainStatement, []any{1, 1, 1}, "PRIMARY"},
	} {
		explain(t, conn, tc.keys, tc.query, tc.args...)
	}
}

// explain checks how each table of a statement is read.
func explain(t *testing.T, conn *sql.Conn, want, query string, args ...any) {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), "EXPLAIN /*!80000 FORMAT=TRADITIONAL */ "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := map[string]sql.NullString{}
		for i, name := range columns {
			row[strings.ToLower(name)] = cells[i]
		}
		if !row["table"].Valid {
			continue // such as "no tables used"
		}
		if how := row["type"].String; how == "ALL" || how == "index" {
			t.Errorf("all of %s is read (%s, %s) by %.200s", row["table"].String, how, row["extra"].String, query)
		}
		if extra := row["extra"].String; strings.Contains(extra, "temporary") || strings.Contains(extra, "join buffer") || strings.Contains(extra, "Range checked") {
			t.Errorf("%s: %.200s", extra, query)
		}
		keys = append(keys, row["key"].String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("by keys %q, want %q: %.200s", got, want, query)
	}
}
