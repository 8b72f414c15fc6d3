package sqlquery

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/readmodel"
)

// fixed is a Source that never changes.
type fixed []readmodel.Change

func (fixed) ID() string      { return "fixed" }
func (fixed) Revision() int64 { return 100 }
func (f fixed) Snapshot(context.Context) ([]readmodel.Change, int64, error) {
	return f, 100, nil
}
func (fixed) Next(ctx context.Context, _ int64) ([]readmodel.Change, int64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

const hidden = "hiddentext"

// open returns a runner on a model with two namespaces: a, whose texts may be read, and b, whose
// texts contain the word hidden.
func open(t testing.TB) *Runner {
	t.Helper()
	var objects fixed
	for _, k := range readmodel.Kinds() {
		for i := range 10 {
			for namespace, word := range map[string]string{"a": "open", "b": hidden} {
				objects = append(objects, readmodel.Change{
					Key: fmt.Sprintf("%s%s/%s/%s%d", readmodel.Prefix, k.Resource, namespace, word, i), Revision: 5,
					Value: fmt.Appendf(nil, `{"metadata":{"uid":%[1]q,"labels":{"l":%[1]q}},"spec":{"input":%[1]q,"prompt":%[1]q,"description":%[1]q},
						"status":{"phase":"done","tokenUsage":{"totalTokens":%d},"conditions":[{"type":"Ready","status":"True","message":%[1]q}]}}`, word, i),
				})
			}
		}
	}
	m, err := readmodel.Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), objects, readmodel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; m.Close() })
	if ok, err := m.WaitFor(t.Context(), 100, 10*time.Second); !ok {
		t.Fatal(err)
	}
	return New(m.Path())
}

// inA are the rights of a user who may list every kind in namespace a.
func inA() map[string]Rows {
	rows := map[string]Rows{}
	for _, k := range readmodel.Kinds() {
		rows[k.Resource] = Rows{Namespaces: []string{"a"}}
	}
	return rows
}

func TestAnswers(t *testing.T) {
	r := open(t)
	for query, want := range map[string]string{
		`select count(*) from queries`:                                                                                       "[[10]]",
		`select sum(total_tokens) from queries where phase = 'done';`:                                                        "[[45]]",
		`select count(*) from labels where kind = 'Agent'`:                                                                   "[[10]]",
		`select count(distinct kind) from conditions`:                                                                        "[[11]]",
		`with x as (select name n from agents) select n from x order by n limit 1`:                                           "[[open0]]",
		`select a.name from agents a join queries q on q.name = a.name order by 1 limit 1 -- done`:                           "[[open0]]",
		`with recursive n(i) as (select 1 union all select i+1 from n where i < 5) select sum(i) from n`:                     "[[15]]",
		`select value from json_each('[1,2]')`:                                                                               "[[1] [2]]",
		`select labels ->> 'l' from agents limit 1`:                                                                          "[[open]]",
		`select row_number() over (order by name) from tools limit 2`:                                                        "[[1] [2]]",
		`select count(*) from (select * from models union all select * from models)`:                                         "[[20]]",
		`select :x || 'y', @n + 1`:                                                                                           "[[';-- y 3]]",
		`values (1), (2)`:                                                                                                    "[[1] [2]]",
		`select 1 /* ; */; -- end`:                                                                                           "[[1]]",
		`select name from queries where exists (select 1 from agents where agents.name = queries.name) and total_tokens = 3`: "[[open3]]",
	} {
		answer, err := r.Run(t.Context(), Request{Query: query, Rows: inA(), Parameters: parametersOf(query)})
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := fmt.Sprint(answer.Rows); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func parametersOf(query string) map[string]any {
	if strings.Contains(query, ":x") {
		return map[string]any{"x": "';-- ", "n": 2.0}
	}
	return nil
}

// Authorization is by row only.
func TestRows(t *testing.T) {
	r := open(t)
	a, none := "a", "none"
	for name, c := range map[string]struct {
		rows Rows
		want string
	}{
		"all":                 {Rows{All: true}, "[[20]]"},
		"all within one":      {Rows{All: true, Within: &a}, "[[10]]"},
		"within another":      {Rows{All: true, Within: &none}, "[[0]]"},
		"a namespace":         {Rows{Namespaces: []string{"a"}}, "[[10]]"},
		"a quote":             {Rows{Namespaces: []string{"x') OR 1 --"}}, "[[0]]"},
		"names":               {Rows{Names: map[string][]string{"a": {"open1", "open2", hidden + "1"}}}, "[[2]]"},
		"a name in all":       {Rows{Everywhere: []string{hidden + "3"}}, "[[1]]"},
		"a name in all, in a": {Rows{Everywhere: []string{hidden + "3"}, Within: &a}, "[[0]]"},
		"nothing":             {Rows{}, "[[0]]"},
	} {
		for _, view := range []string{"queries", "labels", "conditions"} {
			answer, err := r.Run(t.Context(), Request{Query: "select count(*) from " + view, Rows: map[string]Rows{"queries": c.rows}})
			if err != nil {
				t.Errorf("%s, %s: %v", name, view, err)
			} else if got := fmt.Sprint(answer.Rows); got != c.want {
				t.Errorf("%s, %s: got %s, want %s", name, view, got, c.want)
			}
		}
		if answer, err := r.Run(t.Context(), Request{Query: "select count(*) from agents", Rows: map[string]Rows{"queries": c.rows}}); err != nil || fmt.Sprint(answer.Rows) != "[[0]]" {
			t.Errorf("%s: another kind shows %v, %v", name, answer, err)
		}
	}
}

// hostile are attempts to read or change something without permission. Each has to be refused.
var hostile = strings.Split(strings.TrimSpace(`
select * from main.k_queries
select * from k_queries
select * from main.objects
select * from objects
select * from c_labels
select * from main.c_conditions
select * from meta
select * from sqlite_schema
select * from sqlite_master
select * from main.sqlite_master
select * from temp.sqlite_master
select * from sqlite_temp_schema
select * from sqlite_temp_master
select * from sqlite_sequence
select * from sqlite_stat1
select * from dbstat
select * from sqlite_dbpage
select * from pragma_table_info('k_queries')
select * from pragma_table_list
select * from pragma_database_list
select * from pragma_function_list
select * from pragma_compile_options
select * from bytecode('select 1')
select * from tables_used('select 1')
select * from fts5vocab
select * from fts
select * from main.fts
select * from fts_data
select * from main.fts_idx
select * from fts_docsize
select * from fts where fts match 'x'
select snippet(fts, 0, '', '', '', 5) from fts
select highlight(fts, 0, '', '') from main.fts
select bm25(fts) from fts
select * from deleted
select * from main.deleted
select * from c_revisions
select * from main.c_revisions
with revisions as (select * from main.c_revisions) select * from revisions
with deleted as (select * from main.deleted) select * from deleted
select * from revisions natural join main.c_revisions
select * from sqlite_dbdata
select * from sqlite_stmt
select * from completion('x')
select unistr('x')
select json_extract(name, '$') from main.k_queries
select load_extension(name) from queries
select printf('%.*c', 999999999, 'x')
select format('%0999999999d', 1)
select replace(hex(zeroblob(100000)), '0', hex(zeroblob(100000)))
select char(0) || zeroblob(10)
select quote(zeroblob(1000000))
select * from generate_series(1,10)
select * from zipfile('x')
select * from fsdir('/')
select * from csv
pragma table_info(k_queries)
pragma query_only=0
pragma writable_schema=1
pragma journal_mode=delete
pragma trusted_schema=1
pragma temp_store_directory='/'
attach ':memory:' as x
attach '/etc/passwd' as x
detach main
vacuum
vacuum into '/x'
begin
begin immediate
commit
rollback
savepoint s
release s
reindex
analyze
create table x(y)
create temp table x(y)
create temp view x as select 1
create temp view queries2 as select * from main.k_queries
create temp trigger t after insert on x begin select 1; end
create virtual table temp.x using fts5(a)
create table temp.x as select * from main.k_queries
create index i on k_queries(name)
drop view queries
drop view temp.queries
drop table k_queries
alter table k_queries rename to x
insert into k_queries(id, revision) values (1, 1)
insert into queries(name) values ('x')
update k_queries set name = 'x'
update queries set name = 'x'
delete from k_queries
delete from queries
replace into meta values ('version', 'x')
insert into k_queries default values returning *
explain query plan select * from main.k_queries
explain select * from k_queries
select load_extension('x')
select load_extension('x','y')
select readfile('/etc/passwd')
select writefile('/x','y')
select edit('x')
select printf('%999999999d', 1)
select format('%*d', 999999999, 1)
select zeroblob(1000000000)
select randomblob(1000000000)
select hex(zeroblob(10))
select sqlite_version()
select sqlite_source_id()
select sqlite_compileoption_get(1)
select sqlite_offset(name) from queries
select fts5(1)
select fts5_source_id()
select changes()
select total_changes()
select last_insert_rowid()
select subtype(name) from queries
select fts3_tokenizer('x')
select sqlite_log(1,'x')
select rtreecheck('x')
select match('x', name) from queries
with queries as (select * from main.k_queries) select * from queries
with queries as (select * from k_queries) select * from queries
with agents as materialized (select * from main.k_agents) select * from agents
with recursive queries as (select * from main.k_queries union select * from main.k_queries) select * from queries
with labels as (select * from main.c_labels) select * from labels
with conditions as (select * from main.c_conditions) select * from conditions
with main as (select * from main.k_queries) select * from main
with v as (select * from main.k_queries) select * from v
with k_queries as (select * from main.k_queries) select * from k_queries
select (select name from main.k_queries limit 1)
select * from queries where name in (select name from main.k_queries)
select * from queries where exists (select 1 from main.k_queries k where k.name like 'h%')
select 1 union select name from main.k_queries
select * from queries natural join main.k_queries
select * from queries left join main.objects using (name)
select count(*) from main.k_queries
select count(1) from main.objects
select 1 from main.k_queries
select rowid from main.k_queries
select max(rowid) from main.objects
select * from (select * from (select * from main.k_queries))
select name from queries order by (select name from main.k_queries limit 1)
select name from queries limit (select count(*) from main.k_queries)
select name from queries group by name having (select count(*) from main.k_queries) > 0
select * from json_each((select labels from main.k_queries limit 1))
select sum(1) over (order by (select name from main.k_queries)) from queries
select * from "main"."k_queries"
select * from [main].[k_queries]
select * from MAIN.K_QUERIES
select/**/*/**/from/**/main.k_queries
values ((select name from main.k_queries))
select 1; select * from main.k_queries
select 1; drop view queries
select 1; ; select 2
select 1;/* x */select 2
;select 1; select 2
select * from nothing
selec 1
select
'
"x"
select "x"
(
select * from queries where
select :missing
`), "\n")

func TestEscapes(t *testing.T) {
	r := open(t)
	if len(hostile) < 80 {
		t.Fatalf("only %d attempts", len(hostile))
	}
	for _, query := range hostile {
		answer, err := r.Run(t.Context(), Request{Query: query, Rows: inA()})
		var fault *Error
		switch {
		case err == nil:
			t.Errorf("%s: answered with %v", query, answer)
		case !errors.As(err, &fault):
			t.Errorf("%s: %v is no fault of the statement", query, err)
		case strings.Contains(err.Error(), hidden) || strings.Contains(err.Error(), "/tmp"):
			t.Errorf("%s: the error shows %v", query, err)
		}
	}
	for view := range Views() { // uses the name of each view as that of a common table expression
		for _, table := range []string{"objects", "k_queries", "c_labels"} {
			query := fmt.Sprintf("with %s as (select * from main.%s) select * from %[1]s", view, table)
			if answer, err := r.Run(t.Context(), Request{Query: query, Rows: inA()}); err == nil {
				t.Errorf("%s: answered with %v", query, answer)
			}
		}
	}
	answer, err := r.Run(t.Context(), Request{Query: "select count(*) from queries", Rows: inA()})
	if err != nil || fmt.Sprint(answer.Rows) != "[[10]]" {
		t.Errorf("afterwards: %v, %v", answer, err)
	}
}

// A statement cannot exhaust the memory of the server.
func TestMemory(t *testing.T) {
	if resident() == 0 {
		t.Skip("the memory of a process is known on Linux only")
	}
	r := open(t)
	wide := `with recursive n(i) as (select 1 union all select i+1 from n), w(i, x) as (select i, i || replace('` + strings.Repeat("x", 50_000) +
		`', 'x', 'yyyyyyyyyyyyyyyy') from n) `
	for _, query := range []string{
		"select max(i) from (select i, x from w order by x limit 1000000)",
		"select x, row_number() over (order by x) from w",
		"select count(distinct x) from w",
		"select count(*) from (select x from w group by x)",
		"select json_group_array(x) from w",
		"select json_group_object(i, x) from w",
		"select count(*) from w a join w b on a.x = b.x",
		"select lag(x, 1000000) over () from w",
		"select count(*) from (select x from w union select x || 'z' from w)",
	} {
		begin := resident()
		answer, err := r.Run(t.Context(), Request{Query: wide + query, Rows: inA(), Timeout: 20 * time.Second})
		var fault *Error
		if !errors.Is(err, ErrMemory) && !errors.As(err, &fault) {
			t.Errorf("%s: got %v, %v, want a refusal", query, answer != nil, err)
		}
		// Its slot and its memory are free when it has ended.
		for range parallel {
			r.places <- struct{}{}
		}
		for range parallel {
			<-r.places
		}
		if grown := resident() - begin; grown > 2*mostMemory {
			t.Errorf("%s: the process has grown by %d MiB", query, grown>>20)
		}
	}
}

func TestTruncated(t *testing.T) {
	r := open(t)
	for query, want := range map[string]bool{
		"select * from queries limit 5": false, "select * from queries limit 6": true,
		"with recursive n(i) as (select 1 union all select i+1 from n) select i from n": true,
	} {
		answer, err := r.Run(t.Context(), Request{Query: query, Rows: inA(), MaxRows: 5})
		if err != nil || answer.Truncated != want || len(answer.Rows) != 5 {
			t.Errorf("%s: %v, %v, want truncated %t", query, answer, err, want)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	r := open(t)
	for query, want := range map[string]string{
		"select name\nfrom queries\nwhere phas = 'x'": "no such column: phas (line 3, column 7)",
		"selec 1": `near "selec": syntax error (line 1, column 1)`,
		"select from_x, 1 from queries from agents":                      `near "from": syntax error (line 1, column 31)`,
		"select phase, phas from queries where phas = 'x'":               "no such column: phas (line 1, column 15)",
		"select name from queries where name = 'x' )":                    `near ")": syntax error (line 1, column 43)`,
		"select count(*), name as \"größe\" from queries\n\tgroup  name": `near "name": syntax error (line 2, column 9)`,
		"select q.nam from queries q":                                    "no such column: q.nam (line 1, column 8)",
		"select name from querie":                                        "no such table: querie (line 1, column 18)",
		"select nofunction(name) from queries":                           "no such function: nofunction (line 1, column 8)",
		"select 1; select 2":                                             "there is more than one statement (line 1, column 10)",
		"":                                                               "there is no statement",
	} {
		_, err := r.Run(t.Context(), Request{Query: query, Rows: inA()})
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", query, err, want)
		}
	}
}

func FuzzRun(f *testing.F) {
	for _, query := range hostile {
		f.Add(query)
	}
	r := open(f)
	f.Fuzz(func(t *testing.T, query string) {
		answer, err := r.Run(t.Context(), Request{Query: query, Rows: inA(), Timeout: time.Second, MaxRows: 100})
		var fault *Error
		if err != nil && !errors.As(err, &fault) && !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrBusy) {
			t.Fatalf("%q: %v", query, err)
		}
		if !strings.Contains(query, "hidden") && (strings.Contains(fmt.Sprint(answer), hidden) || strings.Contains(fmt.Sprint(err), hidden)) {
			t.Fatalf("%q: shows %v, %v", query, answer, err)
		}
	})
}
