package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/pgwire"
	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/reporting"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

// reported returns objects for which every ready report without history has rows.
func reported() map[string]string {
	all := map[string]string{
		"agents/a/weather": `{"metadata":{"labels":{"owner":"x"}},"spec":{"modelRef":{"name":"gpt"},"tools":[{"name":"forecast"},{"type":"built-in"}]},"status":{"conditions":[{"type":"Available","status":"True"}]}}`,
		"agents/a/writer":  `{"spec":{},"status":{"conditions":[{"type":"Available","status":"False","reason":"NoModel","message":"it's \"not\" there\\n"}]}}`,
		"agents/a/idle":    `{"spec":{"modelRef":{"name":"gpt"}},"status":{}}`,
		"agents/b/weather": `{"spec":{"modelRef":{"name":"spare"}},"status":{"conditions":[{"type":"Available","status":"True"}]}}`,
		"agents/b/Weather": `{"spec":{"modelRef":{"name":"Größe"}},"status":{"conditions":[{"type":"Available","status":"True"}]}}`,
		"models/a/gpt":     `{"status":{"conditions":[{"type":"ModelAvailable","status":"True"}]}}`,
		"models/b/spare":   `{"status":{"conditions":[{"type":"ModelAvailable","status":"False","reason":"Refused","message":"401"}]}}`,
		"models/b/unused":  `{}`,
		"teams/a/both":     `{"spec":{"members":[{"name":"weather"},{"name":"idle"}]}}`,
		"teams/b/both":     `{"metadata":{"labels":{"owner":""}},"spec":{"members":[]}}`,
		"tools/a/forecast": `{"spec":{"type":"http"}}`,
		"tools/b/forecast": `{"spec":{"type":"http"}}`,
		"mcpservers/a/hub": `{"status":{"toolCount":3,"conditions":[{"type":"Available","status":"True"}]}}`,
		"a2atasks/a/t":     `{"spec":{"agentRef":{"name":"weather"}},"status":{"phase":"completed"}}`,
	}
	for i := range 60 {
		target := []string{"weather", "writer", "both", "weather", "ghost"}[i%5]
		phase := []string{"done", "error", "done", "running", "canceled", "done", ""}[i%7]
		spec := fmt.Sprintf(`"input":"question %d\u0000 of \"five\"","target":{"type":%q,"name":%q},"cancel":%t`, i%5, map[bool]string{true: "team", false: "agent"}[target == "both"], target, i%11 == 3)
		if i%4 != 0 {
			spec += fmt.Sprintf(`,"sessionId":"s%d","conversationId":"c%d"`, i%6, i%3)
		}
		if i%3 == 0 {
			spec += `,"serviceAccount":"robot"`
		}
		status := fmt.Sprintf(`"phase":%q`, phase)
		if phase == "done" || phase == "error" {
			status += fmt.Sprintf(`,"duration":"%dms","tokenUsage":{"promptTokens":%d,"completionTokens":%d,"totalTokens":%d,"cachedTokens":%d}`, 37*i, 100*i, 10*i+1, 110*i+1, 20*i)
			status += fmt.Sprintf(`,"conditions":[{"type":"Completed","status":"True","lastTransitionTime":"2026-01-0%dT1%d:%02d:05Z"}]`, 1+i/20, i%10, i%7)
			status += fmt.Sprintf(`,"response":{"content":"answer %d","raw":"[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"tool%d\",\"arguments\":\"{}\"}}]},{\"role\":\"assistant\",\"content\":\"ok\"}]"}`, i, i%4)
		}
		all[fmt.Sprintf("queries/%s/q%02d", []string{"a", "b", "a"}[i%3], i)] =
			fmt.Sprintf(`{"metadata":{"creationTimestamp":"2026-01-0%dT1%d:00:%02dZ"},"spec":{%s},"status":{%s}}`, 1+i/20, i%10, i, spec, status)
	}
	return all
}

// everybody permits every list request.
func everybody(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionAllow, "", nil
}

// readyOnly is a server without user-defined reports.
type readyOnly struct{ *reporting.Statements }

func (s readyOnly) Report(_ context.Context, _ user.Info, _, name string) (*v1alpha1.Report, error) {
	for _, one := range s.Ready() {
		if one.Name == name {
			return &one, nil
		}
	}
	return nil, apierrors.NewNotFound(v1alpha1.Resource("reports"), name)
}

// statementsOf reads the reports of docs/reports in a dialect, by name.
func statementsOf(t *testing.T, dialect string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "reports", dialect+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, one := range strings.Split(string(text), "\n-- ")[2:] {
		head, statement, _ := strings.Cut(one, "\n")
		name, _, _ := strings.Cut(head, ":")
		all[name] = strings.TrimSuffix(strings.TrimSpace(statement), ";")
	}
	return all
}

// TestReportsAreEqual checks that each ready report that needs no history returns the same rows
// over HTTP, by PostgreSQL's protocol from the read model, and from the views in PostgreSQL and
// MariaDB.
func TestReportsAreEqual(t *testing.T) {
	t.Run("postgresql", func(t *testing.T) {
		cfg := postgresServer.Database(t)
		role := fmt.Sprintf("reports_%d", time.Now().UnixNano())
		db := opened(t, "pgx", fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable&timezone=UTC&search_path=ark", cfg.User, cfg.Host, cfg.Port, cfg.Name))
		t.Cleanup(func() { _, _ = db.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
		compareReports(t, postgresAdmin{Kind: PostgreSQL, Database: cfg}, role, db, "postgresql")
	})
	t.Run("mysql", func(t *testing.T) {
		cfg := mariadbServer.Database(t)
		role := fmt.Sprintf("reports_%d", time.Now().UnixNano())
		db := opened(t, "mysql", fmt.Sprintf("%s@tcp(%s:%d)/%s?sql_mode=%%27ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES%%27", cfg.User, cfg.Host, cfg.Port, cfg.Name))
		t.Cleanup(func() { _, _ = db.Exec("DROP ROLE " + role) })
		compareReports(t, mysqlAdmin{Kind: MySQL, Database: cfg}, role, db, "mysql")
	})
}

func opened(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func compareReports(t *testing.T, admin Admin, role string, primary *sql.DB, dialect string) {
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
	write := &mvcc.Txn{}
	for key, value := range reported() {
		write.Then = append(write.Then, &mvcc.Put{Key: []byte(readmodel.Prefix + key), Value: []byte(value)})
	}
	if _, err := store.Txn(t.Context(), write, mvcc.Actor{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.InstallViews(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	handler, ready := serveModel(t, store)
	wire := opened(t, "pgx", "postgres://any:token@"+serveWire(t, handler)+"/all?default_query_exec_mode=simple_protocol")
	onWire, onPrimary := statementsOf(t, "postgresql"), statementsOf(t, dialect)
	compared := 0
	for _, one := range ready {
		if strings.Contains(one.Spec.Query, readmodel.Revisions) {
			continue
		}
		want := overHTTP(t, handler, one.Name)
		if len(want) == 0 {
			t.Errorf("%s has no rows: nothing is compared", one.Name)
		}
		for where, got := range map[string][]string{
			"--pg-listen": queried(t, wire, one.Name, onWire[one.Name]),
			dialect:       queried(t, primary, one.Name, onPrimary[one.Name]),
		} {
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s by %s: got\n%s\nwant\n%s", one.Name, where, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		compared++
	}
	if compared < 36 || len(onWire) != compared || len(onPrimary) != compared {
		t.Errorf("%d reports were compared, of %d and %d statements", compared, len(onWire), len(onPrimary))
	}
}

// serveModel returns the handler of a read model of a store, and the ready reports.
func serveModel(t *testing.T, store *mvcc.Store) (http.Handler, []v1alpha1.Report) {
	t.Helper()
	model, err := readmodel.Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), feed{store, "one"}, readmodel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); model.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; model.Close() })
	if ok, err := model.WaitFor(t.Context(), store.Revision(), 20*time.Second); !ok {
		t.Fatalf("the model did not catch up: %v", err)
	}
	statements, err := reporting.NewStatements(model)
	if err != nil {
		t.Fatal(err)
	}
	resolver, err := access.New(access.Options{Authorizer: authorizer.AuthorizerFunc(everybody)})
	if err != nil {
		t.Fatal(err)
	}
	s := reporting.New(model, resolver, readyOnly{statements})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(apirequest.WithUser(r.Context(), &user.DefaultInfo{Name: "any"})))
	}), statements.Ready()
}

// serveWire serves PostgreSQL's protocol through a handler, and returns the address.
func serveWire(t *testing.T, handler http.Handler) string {
	t.Helper()
	options := pgwire.Options{Backend: sqlBackend{handler}, Log: slog.Default()}
	for name, columns := range sqlquery.Views() {
		view := pgwire.View{Name: name}
		for _, c := range columns {
			view.Columns = append(view.Columns, pgwire.Column{Name: c.Name, Type: string(c.Type)})
		}
		options.Views = append(options.Views, view)
	}
	wire, err := pgwire.New(options)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- wire.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(wire.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func overHTTP(t *testing.T, handler http.Handler, report string) (lines []string) {
	t.Helper()
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, reporting.Prefix+"a/sqlqueries", strings.NewReader(`{"spec":{"allNamespaces":true,"report":"`+report+`"}}`))
	if err != nil {
		t.Fatal(err)
	}
	handler.ServeHTTP(w, r)
	var got struct{ Status struct{ Rows [][]any } }
	d := json.NewDecoder(&w.body)
	d.UseNumber()
	if err := d.Decode(&got); err != nil || w.status != http.StatusCreated {
		t.Fatalf("%s: %d %v", report, w.status, err)
	}
	for _, row := range got.Status.Rows {
		lines = append(lines, lineOf(row))
	}
	slices.Sort(lines) // databases use different collations
	return lines
}

func queried(t *testing.T, db *sql.DB, report, statement string) (lines []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Errorf("%s: %v\n%s", report, err, statement)
		return nil
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, lineOf(row))
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%s: %v", report, err)
	}
	slices.Sort(lines)
	return lines
}

// lineOf returns a row as text: numbers without trailing zeros, and times in RFC 3339, regardless
// of the driver's types.
func lineOf(row []any) string {
	cells := make([]string, len(row))
	for i, value := range row {
		var text string
		switch v := value.(type) {
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
		if at, err := time.Parse(time.DateTime, text); err == nil {
			text = at.Format(time.RFC3339)
		} else if n, ok := new(big.Rat).SetString(text); ok && !strings.Contains(text, "/") {
			text = n.FloatString(4)
		}
		cells[i] = fmt.Sprintf("%q", text)
	}
	return strings.Join(cells, " ")
}
