package mysql

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// fill makes large tables, whose size the server knows.
func fill(t *testing.T, e *Engine) {
	t.Helper()
	enginetest.Fill(t, e)
	var writers []string // as of replicas that are gone
	for n := range 1000 {
		writers = append(writers, fmt.Sprintf("(%d,%d,%d,'')", n+1, n%7+1, n+1))
	}
	if _, err := e.pruner.ExecContext(t.Context(), "REPLACE INTO ark_side_batch (writer,seq,newest,deleted) VALUES "+strings.Join(writers, ",")); err != nil {
		t.Fatal(err)
	}
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
		ids = append(ids, rows.ID(i*4+2, 0))
	}
	first, end := rows.Span(3999, 4099)
	span := []named.Argument{named.Arg("first", first), named.Arg("end", end)}
	with := func(s named.Statement, args ...named.Argument) string { return string(s.Append(nil, literal, args...)) }
	sideOf := []named.Argument{named.Arg("writer", int64(1)), named.Arg("seq", int64(5))}
	sideSpan := []named.Argument{named.Arg("tbl", []byte("filled")), named.Arg("first", []byte("k5")), named.Arg("end", []byte("k6"))}
	for _, tc := range []struct {
		query string
		args  []any
		keys  string // those expected, one a table
	}{
		{turnQuery, nil, "PRIMARY"},
		{fenceStatement, nil, "PRIMARY"},
		{with(settleQuery, append(span, named.Arg("batch", int64(1)))...), nil, "PRIMARY PRIMARY"},
		{readQuery, nil, "PRIMARY PRIMARY PRIMARY"},
		{findQuery.Text, findQuery.Args(named.Arg("from", 4000), named.Arg("from_writer", 1), named.Arg("to", 4100), named.Arg("to_writer", 1)), "PRIMARY PRIMARY PRIMARY PRIMARY PRIMARY"},
		{pollQuery, nil, "PRIMARY"},
		{stateQuery, nil, "PRIMARY PRIMARY PRIMARY"},
		{leaseChangesQuery.Text, []any{4}, "changes"},
		{forgottenQuery, nil, "PRIMARY"},
		{eventsQuery.Text, eventsQuery.Args(append(span, named.Arg("most", maxPage))...), "PRIMARY"},
		{with(withValues.firsts, named.Arg("ids", ids)), nil, "PRIMARY"},
		{with(withValues.others, named.Arg("first", first), named.Arg("end", rows.ID(4001, 0))), nil, "PRIMARY"},
		{loadQuery.Text, loadQuery.Args(span...), "PRIMARY PRIMARY"},
		{pruneQuery.Text, pruneQuery.Args(append(span, named.Arg("most", pruneRows))...), "PRIMARY"},
		{with(deleteStatement, named.Arg("ids", ids)), nil, "PRIMARY"},
		{with(pruneStatement, named.Arg("revision", int64(1))), nil, "PRIMARY"},
		{goneQuery.Text, goneQuery.Args(named.Arg("age", rememberGone), named.Arg("most", findMany)), "changes"},
		{with(goneStatement, named.Arg("ids", ids[:10]), named.Arg("change", int64(5))), nil, "PRIMARY"},
		{with(deleteStateStatement, named.Arg("created", ids)), nil, "PRIMARY"},
		{with(advanceStatement, named.Arg("base_revision", int64(1)), named.Arg("base_change", int64(1)), named.Arg("base_batch", int64(1)), named.Arg("batch", int64(1)),
			named.Arg("newest", int64(1)), named.Arg("revision", int64(1)), named.Arg("change", int64(1)), named.Arg("compacted", int64(1))), nil, "PRIMARY"},
		{maintainStatement.Text, maintainStatement.Args(named.Arg("replica", 1), named.Arg("microseconds", 1)), "PRIMARY"},
		{with(sideForget, append(sideOf, named.Arg("previous", int64(1)))...), nil, "PRIMARY"},
		{with(sideResult, sideOf...), nil, "PRIMARY"},
		{with(sideDeleted, sideOf...), nil, "PRIMARY"},
		{with(sideCountQuery, sideSpan...), nil, "side_key"},
		{with(sideLook, named.Arg("iftbl", []byte("filled")), named.Arg("ifkey", []byte("k5")), named.Arg("ifid", int64(1))), nil, ""}, // "tables optimized away": an end of side_key
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
