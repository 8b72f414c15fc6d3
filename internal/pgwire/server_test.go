package pgwire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/sqlquery"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

const token = "s3cr3t-token"

// fixed is a Source that never changes.
type fixed []readmodel.Change

func (fixed) ID() string                                                    { return "fixed" }
func (fixed) Revision() int64                                               { return 9 }
func (f fixed) Snapshot(context.Context) ([]readmodel.Change, int64, error) { return f, 9, nil }
func (fixed) Next(ctx context.Context, _ int64) ([]readmodel.Change, int64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// runner is the Backend on a real model, for one token.
type runner struct{ *sqlquery.Runner }

func (r runner) Run(ctx context.Context, password, database, statement string, parameters map[string]any) (*Answer, error) {
	if password != token {
		return nil, &Fault{codeNoPassword, "no valid token"}
	}
	rows := map[string]sqlquery.Rows{}
	for _, k := range readmodel.Kinds() {
		rows[k.Resource] = sqlquery.Rows{All: true}
		if database != all {
			rows[k.Resource] = sqlquery.Rows{All: true, Within: &database}
		}
	}
	got, err := r.Runner.Run(ctx, sqlquery.Request{Query: statement, Parameters: parameters, Rows: rows, MaxRows: 100})
	var fault *sqlquery.Error
	if errors.As(err, &fault) {
		return nil, &Fault{codeSyntax, fault.Error() + " in " + statement}
	}
	if err != nil {
		return nil, err
	}
	answer := &Answer{Rows: got.Rows, Truncated: got.Truncated}
	for _, c := range got.Columns {
		answer.Columns = append(answer.Columns, Column(c))
	}
	return answer, nil
}

// serve starts a server with 24 Queries, one for each hour of 2026-01-01, and returns its address.
func serve(t testing.TB) string {
	t.Helper()
	var objects fixed
	for i := range 24 {
		namespace := []string{"team-a", "team-b"}[i%2]
		objects = append(objects, readmodel.Change{Key: fmt.Sprintf("%squeries/%s/q%02d", readmodel.Prefix, namespace, i), Revision: 5, Value: fmt.Appendf(nil,
			`{"metadata":{"creationTimestamp":"2026-01-01T%02d:30:15Z","labels":{"Team":"x%d"}},"spec":{"input":"Question %d 100%%","target":{"type":"agent","name":"weather"},"cancel":%t},
			"status":{"phase":"%s","duration":"%ds","tokenUsage":{"totalTokens":%d}}}`, i, i%3, i, i == 3, []string{"done", "error"}[i/20], i, i*10)})
	}
	objects = append(objects, readmodel.Change{Key: readmodel.Prefix + "a2atasks/team-a/t", Revision: 5,
		Value: []byte(`{"status":{"startTime":"2026-01-01T00:00:00Z","completionTime":"2026-01-01T00:01:30Z"}}`)})
	m, err := readmodel.Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), objects, readmodel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	if ok, err := m.WaitFor(t.Context(), 9, 10*time.Second); !ok {
		t.Fatal(err)
	}
	var views []View
	for name, columns := range sqlquery.Views() {
		v := View{Name: name}
		for _, c := range columns {
			v.Columns = append(v.Columns, Column{c.Name, string(c.Type)})
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b View) int { return strings.Compare(a.Name, b.Name) })
	s, err := New(Options{Backend: runner{sqlquery.New(m.Path())}, Views: views, Log: slog.Default()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Error(err)
		}
		cancel()
		<-done
		m.Close()
	})
	return l.Addr().String()
}

func connect(t testing.TB, address, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), "postgres://any:"+token+"@"+address+"/"+database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// A translated statement has the same result as in PostgreSQL. Each statement runs by both
// protocols.
func TestTranslated(t *testing.T) {
	conn := connect(t, serve(t), all)
	for statement, want := range map[string]string{
		`select count(*) from queries`: "24",
		`SELECT count(*) FROM public.queries WHERE created_at BETWEEN '2026-01-01 02:00:00+00' AND '2026-01-01T04:59:59.9Z'`:                                                                     "3",
		`select count(*) from queries where created_at >= '2026-01-01 01:00+01' and created_at < timestamp '2026-01-01 03:00:00'`:                                                                "3",
		`select total_tokens::text || '!' from queries where name = 'q02'`:                                                                                                                       "20!",
		`select '12'::int + 1, 1.6::int, (7/2)::float8, '5'::numeric(10,2), round(2.345::numeric, 2)`:                                                                                            "13 2 3 5 2.35",
		`select name from queries where name like 'q0_' and name not like '%9' order by 1 limit 2 offset 1`:                                                                                      "q01\nq02",
		`select count(*) from queries where input like 'question%'`:                                                                                                                              "0",
		`select count(*) from queries where input ilike 'question%'`:                                                                                                                             "24",
		`select count(*) from queries where input like '%100\%'`:                                                                                                                                 "24",
		`select date_trunc('hour', created_at), count(*) from queries where name < 'q02' group by 1 order by 1`:                                                                                  "2026-01-01 00:00:00 +0000 UTC 1\n2026-01-01 01:00:00 +0000 UTC 1",
		`select date_trunc('week', timestamp '2026-01-01'), date_trunc('quarter', timestamp '2026-05-17 10:00'), date_trunc('month', timestamptz '2026-02-28 23:59:59')`:                         "2025-12-29 00:00:00 +0000 UTC 2026-04-01 00:00:00 +0000 UTC 2026-02-01 00:00:00 +0000 UTC",
		`select extract(epoch from created_at), extract(hour from created_at), date_part('dow', created_at), extract(quarter from created_at) from queries where name='q03'`:                     "1767238215 3 4 1",
		`select to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS') from queries where name = 'q05'`:                                                                                                  "2026-01-01T05:30:15",
		`select created_at + interval '1 day 2 hours' - '30 min'::interval from queries where name = 'q00'`:                                                                                      "2026-01-02 02:00:15 +0000 UTC",
		`select timestamp '2026-01-31 00:00' + interval '1 month'`:                                                                                                                               "2026-02-28 00:00:00 +0000 UTC",
		`select now() - interval '1 hour' < now(), now() > '2020-01-01', current_date > date '2020-01-01'`:                                                                                       "true true true",
		`select extract(epoch from completed_at - started_at), extract(epoch from avg(completed_at - started_at)) from a2atasks`:                                                                 "90 90",
		`select percentile_cont(0.5) within group (order by total_tokens), percentile_cont(0.75) within group (order by total_tokens desc) from queries`:                                         "115 57.5",
		`select count(*) filter (where phase = 'error')::int, sum(total_tokens), avg(duration_ms) from queries`:                                                                                  "4 2760 11500",
		`select string_agg(name, ', ' order by name) from queries where name in ('q01', 'q00')`:                                                                                                  "q00, q01",
		`select h, (select count(*) from queries q where date_trunc('hour', q.created_at) = h) from generate_series(timestamp '2026-01-01 22:00', '2026-01-02 00:00', '1 hour') as h order by h`: "2026-01-01 22:00:00 +0000 UTC 1\n2026-01-01 23:00:00 +0000 UTC 1\n2026-01-02 00:00:00 +0000 UTC 0",
		`select g.n from generate_series(1, 7, 3) as g(n)`:                                                                                                                                       "1\n4\n7",
		`select count(*) from generate_series(5, 1) n`:                                                                                                                                           "0",
		`with days(d, n) as (select created_at::date, count(*) from queries group by 1) select d, n from days`:                                                                                   "2026-01-01 24",
		`select created_at::date = '2026-01-01', created_at::date = date '2026-01-01' from queries limit 1`:                                                                                      "true true",
		`select case when total_tokens > 100 then 'many' else 'few' end as size, count(*) as "N" from queries group by 1 order by 1`:                                                             "few 11\nmany 13",
		`select canceled, count(*) from queries group by canceled order by 1`:                                                                                                                    "false 23\ntrue 1",
		`select labels->>'Team', count(*) from queries group by 1 order by 1`:                                                                                                                    "x0 8\nx1 8\nx2 8",
		`select row_number() over (partition by namespace order by name) from queries limit 2`:                                                                                                   "1\n2",
		`select name from queries where phase = 'error' and name > 'q22' union all select 'x' order by 1`:                                                                                        "q23\nx",
		`select $$it's$$, E'a', 'b''c', cast('7' as bigint), null::int is null, coalesce(null, 3)`:                                                                                               "it's a b'c 7 true 3",
		`select floor(extract(epoch from created_at)/3600)*3600 AS "time", count(*) from queries where name < 'q02' group by 1 order by 1`:                                                       "1767225600 1\n1767229200 1",
		`select max(created_at), min(created_at) from queries`:                                                                                                                                   "2026-01-01 23:30:15 +0000 UTC 2026-01-01 00:30:15 +0000 UTC",
		`select q.name from queries q left join agents a on a.name = q.target_name where a.name is null limit 1`:                                                                                 "q00",
		`select left(name, 1), length(name), upper(name), "name" from queries where name = 'q00' -- comment`:                                                                                     "q 3 Q00 q00",
		`show server_version`: "15.0",
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec} {
			got, err := texts(conn.Query(t.Context(), statement, mode))
			if err != nil || got != want {
				t.Errorf("%v %s:\ngot  %q %v\nwant %q", mode, statement, got, err, want)
				break
			}
		}
	}
}

func texts(rows pgx.Rows, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return "", err
		}
		var cells []string
		for _, v := range values {
			if at, ok := v.(time.Time); ok {
				v = at.UTC()
			}
			cells = append(cells, fmt.Sprint(v))
		}
		lines = append(lines, strings.Join(cells, " "))
	}
	return strings.Join(lines, "\n"), rows.Err()
}

// A statement that cannot be translated is refused with the name of the unsupported part.
func TestRefused(t *testing.T) {
	conn := connect(t, serve(t), all)
	for statement, want := range map[string][2]string{
		`select distinct on (name) name from queries`:                        {"0A000", "DISTINCT ON"},
		`select array_agg(name) from queries`:                                {"0A000", "array_agg"},
		`select name from queries where name ~ 'q'`:                          {"0A000", "operator ~"},
		`select * from queries, lateral (select 1) x`:                        {"0A000", "LATERAL"},
		`select completed_at - started_at from a2atasks`:                     {"0A000", "difference of times"},
		`select created_at at time zone 'Europe/Berlin' from queries`:        {"0A000", "AT TIME ZONE"},
		`select to_char(created_at, 'Month') from queries`:                   {"0A000", "'Month'"},
		`select date_trunc('decade', created_at) from queries`:               {"0A000", "decade"},
		`select '{1,2}'::int[]`:                                              {"0A000", "int[]"},
		`select percentile_disc(0.5) within group (order by 1) from queries`: {"0A000", "percentile_disc"},
		`select pg_read_file('/etc/passwd')`:                                 {"0A000", "pg_read_file"},
		`select load_extension('x'), version()`:                              {"0A000", "load_extension"},
		`select randomblob(1000000000)`:                                      {"0A000", "randomblob"},
		`select (completed_at - started_at) / 60 from a2atasks`:              {"0A000", "difference of times"},
		`select 1 from a2atasks where completed_at - started_at > 5`:         {"0A000", "difference of times"},
		`select interval '1 day'`:                                            {"0A000", "interval"},
		`select 1 where 'a' similar to 'b'`:                                  {"0A000", "SIMILAR"},
		`insert into queries values (1)`:                                     {"25006", "INSERT"},
		`drop table queries`:                                                 {"25006", "DROP"},
		`copy queries to stdout`:                                             {"25006", "COPY"},
		`explain select 1`:                                                   {"0A000", "EXPLAIN"},
		`select (`:                                                           {"42601", "not closed"},
		`select 'x`:                                                          {"42601", "not closed"},
		`selekt 1`:                                                           {"42601", "selekt"},
		`select timestamp 'soon'`:                                            {"22007", "soon"},
		`with recursive n(i) as (select 1 union all select i+1 from n) select count(*), version() from n`: {"0A000", "not answered"},
	} {
		_, err := texts(conn.Query(t.Context(), statement, pgx.QueryExecModeSimpleProtocol))
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != want[0] || !strings.Contains(e.Message, want[1]) {
			t.Errorf("%s: got %v, want %v", statement, err, want)
		}
	}
	if got, err := texts(conn.Query(t.Context(), `select 1`)); got != "1" || err != nil {
		t.Errorf("after errors: %q %v", got, err)
	}
}

func TestParameters(t *testing.T) {
	conn := connect(t, serve(t), all)
	since := time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		statement  string
		parameters []any
		want       string
	}{
		{`select count(*) from queries where created_at >= $1`, []any{since}, "4"},
		{`select count(*) from queries where created_at >= $1 and total_tokens > $2 and phase = $3`, []any{since, 210, "error"}, "2"},
		{`select name from queries where name like $1 order by name limit $2`, []any{"q1%", 2}, "q10\nq11"},
		{`select name from queries where $1 < total_tokens order by name limit 1`, []any{int64(50)}, "q06"},
		{`select $1::int + 1, $2::text`, []any{4, "x"}, "5 x"},
		{`select count(*) from queries where canceled = $1`, []any{true}, "1"},
		{`select sum(total_tokens), avg(total_tokens) from queries where phase in ($1, $2)`, []any{"done", "none"}, "1900 95"},
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec} {
			got, err := texts(conn.Query(t.Context(), c.statement, append([]any{mode}, c.parameters...)...))
			if err != nil || got != c.want {
				t.Errorf("%v %s: got %q %v, want %q", mode, c.statement, got, err, c.want)
			}
		}
	}
	var n int
	if err := conn.QueryRow(t.Context(), `select sum(total_tokens) from queries where phase = $1`, "error").Scan(&n); err != nil || n != 860 {
		t.Errorf("into an int: %d %v", n, err)
	}
}

func TestWhoConnects(t *testing.T) {
	address := serve(t)
	if got, err := texts(connect(t, address, "team-a").Query(t.Context(), `select count(*), min(name) from queries`)); got != "12 q00" || err != nil {
		t.Errorf("one namespace: %q %v", got, err)
	}
	_, err := pgx.Connect(t.Context(), "postgres://any:wrong@"+address+"/all")
	if err == nil || !strings.Contains(err.Error(), "28P01") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong token: %v", err)
	}
	if _, err := pgx.Connect(t.Context(), "postgres://any@"+address+"/all"); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("no token: %v", err)
	}
}

// A statement can be canceled, and the connection remains usable.
func TestCancel(t *testing.T) {
	conn := connect(t, serve(t), all)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := conn.PgConn().Exec(context.Background(), `with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n`).ReadAll()
		done <- err
	}()
	<-ctx.Done()
	if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
		t.Fatal(err)
	}
	var e *pgconn.PgError
	if err := <-done; !errors.As(err, &e) || e.Code != "57014" {
		t.Errorf("got %v, want 57014", err)
	}
	if got, err := texts(conn.Query(t.Context(), `select 1`)); got != "1" || err != nil {
		t.Errorf("afterwards: %q %v", got, err)
	}
}

func TestPsql(t *testing.T) {
	psql := sqltest.Psql(t)
	address := serve(t)
	host, port, _ := net.SplitHostPort(address)
	for command, want := range map[string]string{
		`\d`:                           "queries",
		`\d queries`:                   "created_at|timestamp with time zone",
		`\d+ queries`:                  "total_tokens|bigint",
		`\dv`:                          "agents",
		`\dt`:                          "",
		`\dn`:                          "public|ark",
		`\l`:                           "ark|ark|UTF8",
		`\du`:                          "ark|",
		`\df`:                          "",
		`\di`:                          "",
		`\conninfo`:                    `You are connected to database "all"`,
		`select count(*) from queries`: "24",
		`select canceled, created_at from queries where name = 'q03'`:                                             "t|2026-01-01 03:30:15+00",
		`select table_name from information_schema.tables where table_schema = 'public' order by 1 limit 1`:       "a2aservers",
		`select column_name from information_schema.columns where table_name = 'queries' and data_type='boolean'`: "canceled",
	} {
		c := exec.CommandContext(t.Context(), psql, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port, "-U", "any", "-d", "all", "-c", command)
		c.Env = append(c.Environ(), "PGPASSWORD="+token)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s\nwant %q", command, err, out, want)
		}
	}
}

// The files contain the queries that Grafana's PostgreSQL plugin sends: its macros, and the catalog
// queries of its editor.
func TestGrafana(t *testing.T) {
	conn := connect(t, serve(t), all)
	for file, want := range map[string]string{
		"timeseries": "1767227400 weather 1", "time": "2026-01-01 22:30:15 +0000 UTC 220", "epoch": "1767227415 0", "version": "1500", "timescale": "",
		"tables": "queries", "columns": "created_at timestamp with time zone",
	} {
		statement, err := os.ReadFile(filepath.Join("testdata", "grafana", file+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := texts(conn.Query(t.Context(), string(statement), pgx.QueryExecModeSimpleProtocol))
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: got %q %v, want %q in it", file, got, err, want)
		}
	}
}

// No input of a client causes an internal error, and a translation is a single statement.
func FuzzTranslate(f *testing.F) {
	for _, seed := range []string{`select count(*) from queries where created_at > now() - interval '1 day'`, `select $1::int[1]`, `with x(a) as (select 1) select a::date from x`,
		`select percentile_cont(0.5) within group (order by 1)`, `select * from generate_series(1,2) g(x)`, `select case when 1 then 2 end`, `select extract(epoch from`, `((`, `select a.b.c::x(1,2)`, `case`, `select 'a' like`} {
		f.Add(seed)
	}
	columns := map[string]string{"created_at": typeTime, "name": typeText, "total_tokens": typeInt}
	f.Fuzz(func(t *testing.T, statement string) {
		statements, err := lex(statement)
		if err != nil {
			return
		}
		for _, nodes := range statements {
			if got, err := translate(recognized(nodes), columns, nil); err == nil && got.sql == "" {
				t.Errorf("%q became nothing", statement)
			}
		}
	})
}
