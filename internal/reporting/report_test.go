package reporting

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/readmodel"
)

var update = flag.Bool("update", false, "write the answers of the reports")

// reported is what the reports are asked about: two agents on two models, a team, tools, and Queries of two days.
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
			"response":{"content":"answer %d","raw":"[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"forecast\",\"arguments\":\"{}\"}}]},{\"role\":\"assistant\",\"content\":\"ok\"}]"}}}`,
			1+i/5, i, i%3, kind, target, i%3, i%2, i == 3, []string{"", "robot"}[i%2], phase, 100*i, 100*i, 100*i+10, 10*i, i))
	}
	return all
}

// Every report returns what it should of known objects; testdata/reports.txt has the answers.
func TestReports(t *testing.T) {
	s := serving(t, &rights{"* list * *"}, reported())
	ready, err := readReports()
	if err != nil {
		t.Fatal(err)
	}
	if len(ready) < 30 {
		t.Errorf("there are %d reports, want thirty", len(ready))
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(ready)) {
		w := ask(t, s, "x", "a", "text/csv", `{"spec":{"report":"`+name+`"}}`)
		if w.Code != http.StatusCreated || strings.Count(w.Body.String(), "\n") < 2 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if ready[name].Description == "" {
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
		{`{"spec":{"report":"tokens-by-agent"}}`, 201, `"rows":[]`}, // with the rights of who asks
		{`{"spec":{"report":"cost-by-day","parameters":{"inputPrice":1}}}`, 201, `"report":"cost-by-day"`},
		{`{"spec":{"report":"cost-by-day","parameters":{"price":1}}}`, 400, "it has inputPrice, outputPrice, since"},
		{`{"spec":{"report":"nothing"}}`, 404, "nothing"},
		{`{"spec":{"report":"retries","query":"select 1"}}`, 400, "leave one out"},
	} {
		if w := ask(t, s, "anna", "a", "", c.body); w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.body, w.Code, w.Body, c.code, c.want)
		}
	}
	get := func(path, accept string) (int, map[string]any) {
		r := requestAs("anna", http.MethodGet, Prefix+"a/"+path, "")
		r.Header.Set("Accept", accept)
		w := recorded(s, r)
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		return w.Code, got
	}
	if code, got := get("reports", ""); code != 200 || got["kind"] != "ReportList" || len(got["items"].([]any)) < 30 {
		t.Errorf("the list: %d %v", code, got["kind"])
	}
	if code, got := get("reports", "application/json;as=Table;v=v1;g=meta.k8s.io"); code != 200 || got["kind"] != "Table" || len(got["rows"].([]any)) < 30 {
		t.Errorf("the table: %d %v", code, got["kind"])
	}
	if code, got := get("reports/retries", ""); code != 200 || got["kind"] != "Report" {
		t.Errorf("one: %d %v", code, got)
	}
	if code, got := get("reports/nothing", ""); code != 404 || got["kind"] != "Status" {
		t.Errorf("one that is not there: %d %v", code, got)
	}
}
