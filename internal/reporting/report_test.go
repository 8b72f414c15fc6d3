package reporting

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

var update = flag.Bool("update", false, "write the answers of the reports")

// reported returns the objects on which the reports run: two agents on two models, a team, tools,
// and Queries of two days.
func reported() fixed {
	var all fixed
	add := func(resource, name, object string) {
		all = append(all, readmodel.Change{Key: readmodel.Prefix + resource + "/a/" + name, Revision: 5, Value: []byte(object)})
	}
	add("agents", "weather", `{"metadata":{"labels":{"owner":"x"}},"spec":{"modelRef":{"name":"gpt"},"tools":[{"name":"forecast"}]},"status":{"conditions":[{"type":"Available","status":"True"}]}}`)
	add("agents", "writer", `{"spec":{},"status":{"conditions":[{"type":"Available","status":"False","reason":"NoModel","message":"there is no model"}]}}`)
	add("agents", "idle", `{"spec":{"modelRef":{"name":"gpt"}},"status":{"conditions":[{"type":"Available","status":"True"}]}}`)
	add("agents", "member", `{"spec":{"modelRef":{"name":"gpt"}},"status":{"conditions":[{"type":"Available","status":"True"}]}}`)
	add("models", "gpt", `{"status":{"conditions":[{"type":"ModelAvailable","status":"True"}]}}`)
	add("models", "spare", `{"status":{"conditions":[{"type":"ModelAvailable","status":"False","reason":"Refused","message":"401"}]}}`)
	add("teams", "both", `{"spec":{"members":[{"name":"weather"},{"name":"member"}]}}`)
	add("tools", "forecast", `{"spec":{"type":"http"}}`)
	add("tools", "unused", `{"spec":{"type":"http"}}`)
	add("mcpservers", "github", `{"status":{"toolCount":3,"conditions":[{"type":"Available","status":"True"}]}}`)
	add("a2atasks", "t", `{"spec":{"agentRef":{"name":"weather"}},"status":{"phase":"completed"}}`)
	for i := range 10 {
		target, kind, phase := "weather", "agent", "done"
		switch {
		case i == 4:
			target, kind = "both", "team"
		case i > 6:
			target = "writer"
		}
		switch i {
		case 2, 8:
			phase = "error"
		case 9:
			phase = "running"
		}
		add("queries", fmt.Sprintf("q%d", i), fmt.Sprintf(`{"metadata":{"creationTimestamp":"2026-01-0%dT1%d:00:00Z"},
			"spec":{"input":"question %d","target":{"type":%q,"name":%q},"sessionId":"s%d","conversationId":"c%d","cancel":%t,"serviceAccount":%q},
			"status":{"phase":%q,"duration":"%dms","tokenUsage":{"promptTokens":%d,"completionTokens":10,"totalTokens":%d,"cachedTokens":%d},
			"conditions":[{"type":"Completed","status":"True","lastTransitionTime":"2026-01-0%[1]dT1%[2]d:0%[2]d:00Z"}],
			"response":{"content":"answer %[15]d","raw":"[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"forecast\",\"arguments\":\"{}\"}}]},{\"role\":\"assistant\",\"content\":\"ok\"}]"}}}`,
			1+i/5, i, i%3, kind, target, i%3, i%2, i == 3, []string{"", "robot"}[i%2], phase, 100*i, 100*i, 100*i+10, 10*i, i))
	}
	return all
}

// promptChanges are a history: two users change an agent, one of them twice, a controller changes
// its status, and a user a Query.
var promptChanges = versions{
	{Resource: "agents", Namespace: "a", Name: "weather", UID: "w", Revision: 2, Generation: 1, Verb: "create", User: "eve", Time: time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)},
	{Resource: "agents", Namespace: "a", Name: "weather", UID: "w", Revision: 3, Generation: 1, Verb: "update", User: "controller", StatusOnly: true, Time: time.Date(2026, 1, 1, 8, 0, 1, 0, time.UTC)},
	{Resource: "agents", Namespace: "a", Name: "weather", UID: "w", Revision: 4, Generation: 2, Verb: "patch", User: "anna", Time: time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)},
	{Resource: "queries", Namespace: "a", Name: "q1", UID: "q", Revision: 5, Generation: 2, Verb: "update", User: "anna", Time: time.Date(2026, 1, 2, 9, 30, 0, 0, time.UTC)},
	{Resource: "agents", Namespace: "a", Name: "weather", UID: "w", Revision: 6, Generation: 3, Verb: "patch", User: "anna", Time: time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)},
}

// Every report returns the expected rows for known objects; testdata/reports.txt has the answers.
func TestReports(t *testing.T) {
	// Reports that are relative to now use the time of these objects instead.
	since := map[string]string{"prompts-changed": `,"parameters":{"since":"2026-01-01"}`}
	s := servingPast(t, &rights{"* list * *"}, reported(), promptChanges)
	ready, err := readReports()
	if err != nil {
		t.Fatal(err)
	}
	if len(ready) < 30 {
		t.Errorf("there are %d reports, want thirty", len(ready))
	}
	var b strings.Builder
	for _, one := range ready {
		name := one.Name
		w := ask(t, s, "x", "a", "text/csv", `{"spec":{"report":"`+name+`"`+since[name]+`}}`)
		if w.Code != http.StatusCreated || strings.Count(w.Body.String(), "\n") < 2 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if one.Spec.Description == "" {
			t.Errorf("%s has no description", name)
		}
		fmt.Fprintf(&b, "== %s\n%s\n", name, w.Body)
	}
	file := filepath.Join("testdata", "reports.txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestReportsByName(t *testing.T) {
	s := serving(t, &rights{"anna list queries b"}, reported())
	for _, c := range []struct {
		body string
		code int
		want string
	}{
		{`{"spec":{"report":"tokens-by-agent"}}`, 201, `"rows":[]`}, // with the caller's rights
		{`{"spec":{"report":"cost-by-day","parameters":{"inputPrice":1}}}`, 201, `"report":"cost-by-day"`},
		{`{"spec":{"report":"cost-by-day","parameters":{"price":1}}}`, 400, "it has inputPrice, outputPrice, since"},
		{`{"spec":{"report":"nothing"}}`, 404, "nothing"},
		{`{"spec":{"report":"retries","query":"select 1"}}`, 400, "leave one out"},
	} {
		if w := ask(t, s, "anna", "a", "", c.body); w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.body, w.Code, w.Body, c.code, c.want)
		}
	}
}

// A statement is tried before it is stored, which returns its columns or its error.
func TestCheck(t *testing.T) {
	s := serving(t, &rights{}, reported())
	check := s.reports.(onlyReady).Check
	for _, c := range []struct {
		query, parameters, columns, fault string
	}{
		{"select name, input as asked from queries", "", "name asked", ""},
		{"select name from queries where name = :x", `{"x":""}`, "name", ""},
		{"select name from queries where name = :x", "", "", "has no value"},
		{"select absent from queries", "", "", "no such column: absent (line 1, column 8)"},
		{"select * from main.k_queries", "", "", "not allowed"},
		{"delete from queries", "", "", "cannot modify queries"},
		{"select 1; select 2", "", "", "more than one statement"},
		{"with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n", "", "", ""},
	} {
		spec := v1alpha1.ReportSpec{}
		if c.parameters != "" {
			spec.Parameters = &runtime.RawExtension{Raw: []byte(c.parameters)}
		}
		parameters, err := spec.Values()
		if err != nil {
			t.Fatal(err)
		}
		columns, err := check(t.Context(), c.query, parameters)
		if got := fmt.Sprint(err); strings.Join(columns, " ") != c.columns || (err != nil) != (c.fault != "") || !strings.Contains(got, c.fault) && err != nil {
			t.Errorf("%s: %q, %v", c.query, columns, err)
		}
	}
}
