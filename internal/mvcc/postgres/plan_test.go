package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
)

// TestHotStatementsUseKeys: on filled tables, every statement that runs often finds
// its rows by a condition on an index, in each plan that the server may use.
func TestHotStatementsUseKeys(t *testing.T) {
	e := open(t, shared.Database(t))
	defer e.Close()
	fill(t, e)
	for name, query := range map[string]string{
		"write revisions": writeRevisions.Text, "write all": writeAll.Text, "read": readQuery, "find": findQuery.Text, "events": eventsQuery.Text,
		"lease changes": leaseChangesQuery.Text, "settle": settleStatement.Text, "maintain": maintainStatement.Text,
		"prune turn": pruneTurn, "witness gap": witnessGapStatement, "witness": witnessStatement.Text,
		"prune replaced": pruneReplacedStatement.Text, "prune gone": pruneGoneStatement.Text, "pruned": prunedStatement.Text,
		"side record": sideRecordStatement.Text, "side append": sideAppendStatement.Text, "side append if": sideAppendIfStatement.Text,
		"side delete if": sideDeleteIfStatement[false].Text, "side delete by time if": sideDeleteIfStatement[true].Text, "side delete": sideDeleteStatement[false].Text,
		"side delete by time": sideDeleteStatement[true].Text, "side forget": sideForgetStatement.Text, "side settle": sideSettleStatement.Text,
		"side page": sidePageQuery[false].Text, "side page backward": sidePageQuery[true].Text, "side count": sideCountQuery.Text, "side find": sideFindQuery.Text,
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := e.readers.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Release()
			if _, err := conn.Exec(t.Context(), "PREPARE hot AS "+query); err != nil {
				t.Fatal(err)
			}
			var args []string
			for n := 1; strings.Contains(query, fmt.Sprintf("$%d", n)); n++ {
				args = append(args, "NULL")
			}
			call := "hot"
			if len(args) > 0 {
				call += "(" + strings.Join(args, ",") + ")"
			}
			var text string
			if err := conn.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) EXECUTE "+call).Scan(&text); err != nil {
				t.Fatal(err)
			}
			var plans []struct{ Plan planNode }
			if err := json.Unmarshal([]byte(text), &plans); err != nil {
				t.Fatal(err)
			}
			if n := plans[0].Plan.check(t, false); n == 0 {
				t.Error("the plan touches no table")
			}
			if t.Failed() {
				t.Log(text)
			}
			if _, err := conn.Exec(t.Context(), "DEALLOCATE hot"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Cond     string     `json:"Index Cond"`
	Rows     int        `json:"Plan Rows"`
	Plans    []planNode `json:"Plans"`
}

// check returns the number of tables read. first says that one row is read: the newest of an index,
// for which PostgreSQL from 17 on needs no condition where the column cannot be NULL.
func (p planNode) check(t *testing.T, first bool) int {
	n := 0
	if strings.Contains(p.Type, "Scan") && p.Relation != "" {
		n++
		if !strings.HasPrefix(p.Type, "Index") || p.Cond == "" && !first {
			t.Errorf("%s on %s with condition %q", p.Type, p.Relation, p.Cond)
		}
	}
	if strings.HasPrefix(p.Type, "Bitmap Index") && p.Cond == "" {
		t.Errorf("%s without a condition", p.Type)
	}
	for _, sub := range p.Plans {
		n += sub.check(t, p.Type == "Limit" && p.Rows == 1)
	}
	return n
}

func fill(t *testing.T, e *Engine) {
	t.Helper()
	enginetest.Fill(t, e)
	if _, err := e.upkeep.Exec(t.Context(), "ANALYZE"); err != nil {
		t.Fatal(err)
	}
}
