package reporting

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

// fixed is a Source that never changes.
type fixed []readmodel.Change

func (fixed) ID() string      { return "fixed" }
func (fixed) Revision() int64 { return 7 }
func (f fixed) Snapshot(context.Context) ([]readmodel.Change, int64, error) {
	return f, 7, nil
}
func (fixed) Next(ctx context.Context, _ int64) ([]readmodel.Change, int64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// rights are the permissions of a test's authorizer and roles: user, verb, resource, namespace, *
// for any, and optionally a name.
type rights []string

// VisitRules implements access.Rules: each right is a role.
func (r *rights) VisitRules(_ context.Context, who user.Info, namespace string, visit func(*rbacv1.PolicyRule)) error {
	for _, rule := range *r {
		part := strings.Fields(rule)
		of := part[3]
		if of == "*" {
			of = ""
		}
		if of == namespace && (part[0] == "*" || part[0] == who.GetName()) {
			visit(&rbacv1.PolicyRule{Verbs: part[1:2], APIGroups: []string{"*"}, Resources: part[2:3], ResourceNames: part[4:]})
		}
	}
	return nil
}

func (r *rights) authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	for _, rule := range *r {
		matches := true
		got := []string{a.GetUser().GetName(), a.GetVerb(), a.GetResource(), a.GetNamespace(), a.GetName()}
		for i, want := range strings.Fields(rule) {
			matches = matches && (want == "*" || want == got[i])
		}
		if matches {
			return authorizer.DecisionAllow, "", nil
		}
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// open returns a server on a model with ten Queries and Agents in each of the namespaces a and b.
func open(t *testing.T, allowed *rights) *Server {
	t.Helper()
	var objects fixed
	for _, kind := range []string{"agents", "queries"} {
		for _, namespace := range []string{"a", "b"} {
			for i := range 10 {
				objects = append(objects, readmodel.Change{
					Key:   fmt.Sprintf("%s%s/%s/o%d", readmodel.Prefix, kind, namespace, i),
					Value: fmt.Appendf(nil, `{"metadata":{"labels":{"in":%q}},"spec":{"input":"a \"text\", of %s"}}`, namespace, namespace), Revision: 3,
				})
			}
		}
	}
	return serving(t, allowed, objects)
}

// versions are a history that never changes.
type versions []readmodel.Version

func (v versions) Versions(_ context.Context, after int64, _ int) ([]readmodel.Version, int64, error) {
	if after > 0 {
		return nil, 7, nil
	}
	return v, 7, nil
}

// serving returns a server on a model of some objects, without a history.
func serving(t testing.TB, allowed *rights, objects fixed) *Server {
	t.Helper()
	return servingPast(t, allowed, objects, nil)
}

func servingPast(t testing.TB, allowed *rights, objects fixed, past versions) *Server {
	t.Helper()
	var o readmodel.Options
	if past != nil {
		o.Past = past
	}
	m, err := readmodel.Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), objects, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; m.Close() })
	resolver, err := access.New(access.Options{Authorizer: authorizer.AuthorizerFunc(allowed.authorize), Rules: allowed})
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := m.WaitFor(t.Context(), 7, 10*time.Second); !ok {
		t.Fatal(err)
	}
	statements, err := NewStatements(m)
	if err != nil {
		t.Fatal(err)
	}
	return New(m, resolver, onlyReady{statements})
}

// onlyReady is a server without user-defined reports.
type onlyReady struct{ *Statements }

func (s onlyReady) Report(_ context.Context, _ user.Info, namespace, name string) (*v1alpha1.Report, error) {
	for _, one := range s.Ready() {
		if one.Name == name {
			return &one, nil
		}
	}
	return nil, apierrors.NewNotFound(v1alpha1.Resource("reports"), name)
}

func ask(t *testing.T, s *Server, who, namespace, accept, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := requestAs(who, http.MethodPost, Prefix+namespace+"/sqlqueries", body)
	r.Header.Set("Accept", accept)
	return recorded(s, r)
}

func requestAs(who, method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	return r.WithContext(apirequest.WithUser(r.Context(), &user.DefaultInfo{Name: who}))
}

func recorded(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func body(query string, all bool) string {
	text, err := json.Marshal(map[string]any{"spec": map[string]any{"query": query, "allNamespaces": all}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A user's answers contain exactly the rows that the user may list, in counts too.
func TestRowsAreThoseThatTheUserMayList(t *testing.T) {
	allowed := &rights{"admin list * *", "anna list queries a", "anna list agents b", "bob list queries *"}
	s := open(t, allowed)
	const queries, agents = "select count(*) from queries", "select count(*) from agents"
	const labels = "select count(*) from labels"
	for _, c := range []struct {
		who, namespace, query string
		all                   bool
		want                  int
	}{
		{"admin", "a", queries, false, 10},
		{"admin", "a", queries, true, 20},
		{"admin", "a", labels, true, 40},
		{"anna", "a", queries, false, 10},
		{"anna", "b", queries, false, 0},
		{"anna", "a", queries, true, 10},
		{"anna", "a", agents, true, 10},
		{"anna", "a", agents, false, 0},
		{"anna", "a", labels, true, 20},
		{"anna", "a", "select count(*) from labels where key = 'in' and value = 'b' and kind = 'Query'", true, 0},
		{"bob", "a", queries, true, 20},
		{"bob", "a", agents, true, 0},
		{"bob", "a", labels, false, 10},
		{"nobody", "a", queries, true, 0},
		{"nobody", "a", labels, true, 0},
		{"nobody", "a", `select count(*) from "QUERIES"`, true, 0},
	} {
		w := ask(t, s, c.who, c.namespace, "", body(c.query, c.all))
		var got struct {
			Status struct{ Rows [][]int }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusCreated {
			t.Errorf("%v: %d %s", c, w.Code, w.Body)
			continue
		}
		if got.Status.Rows[0][0] != c.want {
			t.Errorf("%v: got %d", c, got.Status.Rows[0][0])
		}
	}
	*allowed = nil // revokes the rights
	if w := ask(t, s, "admin", "a", "text/csv", body(queries, true)); w.Body.String() != "count(*)\n0\n" {
		t.Errorf("without rights: %s", w.Body)
	}
}

func TestFormats(t *testing.T) {
	s := open(t, &rights{"* list * *"})
	query := body("select name, input, null as absent from queries where name = 'o1'", false)
	for accept, want := range map[string]string{
		"text/csv":             "name,input,absent\no1,\"a \"\"text\"\", of a\",\n",
		"application/x-ndjson": `{"absent":null,"input":"a \"text\", of a","name":"o1"}` + "\n",
		"application/json;as=Table;v=v1;g=meta.k8s.io,application/json": `"cells":["o1","a \"text\", of a",null]`,
		"*/*": `"rows":[["o1","a \"text\", of a",null]],"truncated":false,"resourceVersion":"7"`,
	} {
		if w := ask(t, s, "x", "a", accept, query); w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want %s", accept, w.Code, w.Body, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := open(t, &rights{"* list * *"})
	for name, c := range map[string]struct {
		accept, body string
		code         int
		message      string
	}{
		"no JSON":          {"", "a: [", 400, "neither JSON nor YAML"},
		"an unknown field": {"", `{"spec":{"sql":"select 1"}}`, 400, `unknown field`},
		"another kind":     {"", `{"kind":"Agent","spec":{"query":"select 1"}}`, 400, "the request is a Agent"},
		"no statement":     {"", `{"spec":{}}`, 400, "spec.query is missing"},
		"no SELECT":        {"", body("drop view queries", false), 400, "not allowed"},
		"a base table":     {"", body("select * from main.k_queries", false), 400, "not allowed"},
		"a position":       {"", body("select 1\nfrom nowhere", false), 400, "(line 2, column 6)"},
		"too long":         {"", body("select '"+strings.Repeat("x", maxBody)+"'", false), 413, "bytes at most"},
		"too many rows":    {"", `{"spec":{"query":"select 1","limit":100000}}`, 400, "spec.limit"},
		"a timeout":        {"", `{"spec":{"timeoutSeconds":0.05,"query":"with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n"}}`, 504, "took too long"},
		"a parameter":      {"", `{"spec":{"query":"select :x","parameters":{"x":[1]}}}`, 400, "parameter x"},
		"a format":         {"image/png", body("select 1", false), 406, "Accept"},
	} {
		w := ask(t, s, "x", "a", c.accept, c.body)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.message) || !strings.Contains(w.Body.String(), `"kind":"Status"`) {
			t.Errorf("%s: got %d %s, want %d %s", name, w.Code, bytes.TrimSpace(w.Body.Bytes()), c.code, c.message)
		}
	}
	if w := ask(t, New(nil, nil, nil), "x", "a", "", body("select 1", false)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a model: %d %s", w.Code, w.Body)
	}
}

// Search enforces the same rights as SQL, and refuses unknown fields.
func TestSearch(t *testing.T) {
	s := open(t, &rights{"anna list queries a", "bob list * *"})
	get := func(who, parameters string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, Prefix+"a/searches?"+parameters, nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r.WithContext(apirequest.WithUser(r.Context(), &user.DefaultInfo{Name: who})))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		who, parameters string
		code            int
		want            string
	}{
		{"anna", "q=text", 200, `"total":10,`},
		{"anna", "q=text&allNamespaces=true", 200, `"total":10,`},
		{"bob", "q=text", 200, `"total":10,`},
		{"bob", "q=text&allNamespaces=true", 200, `"total":20,"facets":{"kind":{"Query":20},"namespace":{"a":10,"b":10},"phase":{}}`},
		{"nobody", "q=text&allNamespaces=true", 200, `"items":[],"total":0,"facets":{"kind":{},"namespace":{},"phase":{}}`},
		{"bob", "q=colour:red", 400, "there is no field"},
		{"bob", "q=", 400, "no word"},
		{"bob", "q=x&limit=1000", 400, "limit"},
	} {
		if code, body := get(c.who, c.parameters); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s, %s: got %d %s, want %d %s", c.who, c.parameters, code, body, c.code, c.want)
		}
	}
	r := httptest.NewRequest(http.MethodPost, Prefix+"a/searches", strings.NewReader(`{"kind":"Search","spec":{"query":"text","limit":1,"facets":["kind"]}}`))
	r.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r.WithContext(apirequest.WithUser(r.Context(), &user.DefaultInfo{Name: "anna"})))
	if w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), `"cells":["Query","a","o9","","a \"text\", of a"]`) {
		t.Errorf("as a Table: %d %s", w.Code, w.Body)
	}
}

// A summary counts the rows that its caller may list, in every format.
func TestSummary(t *testing.T) {
	allowed := &rights{"anna list queries a", "bob list * *"}
	s := open(t, allowed)
	post := func(who, accept, body string) (int, string) {
		r := httptest.NewRequest(http.MethodPost, Prefix+"a/summaries", strings.NewReader(body))
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r.WithContext(apirequest.WithUser(r.Context(), &user.DefaultInfo{Name: who})))
		return w.Code, w.Body.String()
	}
	const byNamespace = `{"spec":{"kind":"Query","groupBy":["namespace"],"metrics":["count","distinct(name)"],"allNamespaces":true}}`
	for _, c := range []struct {
		who, accept, body string
		code              int
		want              string
	}{
		{"anna", "text/csv", byNamespace, 201, "namespace,count,distinct(name)\na,10,10\n"},
		{"bob", "text/csv", byNamespace, 201, "namespace,count,distinct(name)\na,10,10\nb,10,10\n"},
		{"nobody", "text/csv", byNamespace, 201, "namespace,count,distinct(name)\n"},
		{"bob", "", `{"spec":{"kind":"Agent"}}`, 201, `"rows":[[10]]`},
		{"anna", "", `{"spec":{"kind":"Agent"}}`, 201, `"rows":[[0]]`},
		{"anna", "", `{"spec":{"kind":"Secret"}}`, 400, `none of Agent`},
		{"anna", "", `{"spec":{"kind":"Query","limit":-1}}`, 400, `spec.limit`},
		{"anna", "", `{"spec":{"kind":"Query","query":"select 1"}}`, 400, `unknown field`},
	} {
		if code, body := post(c.who, c.accept, c.body); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", c.who, c.body, code, body, c.code, c.want)
		}
	}
	*allowed = nil // revokes the rights
	if _, body := post("bob", "text/csv", byNamespace); body != "namespace,count,distinct(name)\n" {
		t.Errorf("without rights: %s", body)
	}
}
