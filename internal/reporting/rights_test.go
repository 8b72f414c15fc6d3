package reporting

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/readmodel"
)

// mixed returns objects of which users may list some. Those in namespaces a and b have the same
// words, so that hidden objects would change counts, scores and snippets.
func mixed() (all fixed) {
	for i := range 40 {
		namespace := []string{"a", "b"}[i%2]
		input := fmt.Sprintf("whale number %d of %s %s", i, namespace, strings.Repeat("whale ", i%7))
		for resource, object := range map[string]string{
			"queries": `{"metadata":{"uid":"u%[1]d","creationTimestamp":"2026-01-01T00:%02[1]d:00Z","labels":{"team":"%[2]s"}},"spec":{"input":"%[3]s","target":{"type":"agent","name":"n%[1]d"},"sessionId":"s%[1]d","conversationId":"c%[1]d"},
				"status":{"phase":"phase-%[2]s","duration":"%[1]ds","tokenUsage":{"promptTokens":%[1]d,"totalTokens":%[1]d},"conditions":[{"type":"Completed","status":"True","message":"%[3]s"}],
				"response":{"content":"%[3]s","raw":"[{\"role\":\"assistant\",\"content\":\"%[3]s\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"t%[1]d\",\"arguments\":\"{}\"}}]}]"}}}`,
			"agents": `{"metadata":{"uid":"a%[1]d","creationTimestamp":"2026-01-01T00:%02[1]d:00Z"},"spec":{"prompt":"%[3]s","description":"in %[2]s","modelRef":{"name":"m%[1]d"}}}`,
			"tools":  `{"metadata":{"uid":"t%[1]d"},"spec":{"type":"http","description":"%[3]s"}}`,
		} {
			all = append(all, readmodel.Change{Key: fmt.Sprintf("%s%s/%s/n%d", readmodel.Prefix, resource, namespace, i), Revision: 5, Value: fmt.Appendf(nil, object, i, namespace, input)})
		}
	}
	return all
}

// changing matches the fields that differ between two answers to the same request.
var changing = regexp.MustCompile(`"(elapsedMilliseconds|lagMilliseconds)":\d+`)

// requests returns requests of every kind.
func requests(t *testing.T, reports []string) (all []*http.Request) {
	t.Helper()
	post := func(resource, accept string, spec map[string]any) {
		for _, everywhere := range []bool{false, true} {
			spec["allNamespaces"] = everywhere
			body, err := json.Marshal(map[string]any{"spec": spec})
			if err != nil {
				t.Fatal(err)
			}
			for _, namespace := range []string{"a", "b"} {
				r := requestAs("eve", http.MethodPost, Prefix+namespace+"/"+resource, string(body))
				r.Header.Set("Accept", accept)
				all = append(all, r)
			}
		}
	}
	for _, query := range []string{
		"whale", "whale -number", "whale OR number", `"whale whale"`, "wha*", "whale phase:phase-b", "whale phase:phase-a", "kind:Tool", "kind:Agent whale", "ns:b", "ns:b whale", "-ns:a", "agent:n1",
		"name:n1", "whale agent:n3", "deleted:true", "deleted:true whale", "user:eve", "-user:eve whale", "number 17", "after:2026-01-01", "b", "in b", "nothing:x", "", "(", `"`,
	} {
		for _, sort := range []string{"", "-creationTimestamp"} {
			post(searches, "", map[string]any{"query": query, "sort": sort, "limit": 7})
		}
		r := requestAs("eve", http.MethodGet, Prefix+"b/searches?allNamespaces=true&q="+url.QueryEscape(query), "")
		all = append(all, r)
	}
	for i, query := range []string{
		"select * from queries order by name", "select * from agents order by name", "select * from tools order by name", "select count(*), sum(total_tokens), max(name) from queries", "select * from labels order by name",
		"select * from conditions order by name", "select * from messages order by name", "select * from tool_calls order by name", "select * from revisions", "select namespace, count(*) from queries group by 1",
		"select a.name from agents a join queries q using (name) order by 1", "select name from agents full join (select 'n1' as name) using (name) order by 1", "select * from queries where name = 'n1'",
		"select 1/count(*) from queries where namespace = 'b'", "select json_extract(input, '$') from queries where namespace = 'b'", "select name from nowhere", "select rank() over (order by total_tokens), name from queries",
		"select abs(-9223372036854775807 - (select count(*) from queries where namespace = 'b' limit 1))", "select * from main.k_queries", "select percentile(total_tokens, 95) from queries",
	} {
		post(queries, "", map[string]any{"query": query})
		if i < 2 {
			for _, accept := range []string{"text/csv", "application/x-ndjson", "application/json;as=Table;v=v1;g=meta.k8s.io"} {
				post(queries, accept, map[string]any{"query": query})
			}
		}
	}
	for _, kind := range []string{"Query", "Agent", "Tool", "Model", "Nothing"} {
		post(summaries, "", map[string]any{"kind": kind, "groupBy": []string{"namespace", "day"}, "metrics": []string{"count", "distinct(name)", "max(name)"}})
	}
	post(summaries, "", map[string]any{"kind": "Query", "groupBy": []string{"phase"}, "metrics": []string{"sum(total_tokens)", "p95(duration_ms)", "avg(total_tokens)"}})
	for _, name := range reports {
		post(queries, "", map[string]any{"report": name})
	}
	return all
}

// TestWhatIsHiddenChangesNothing checks, for users that may list some objects, that every answer is
// byte for byte that of a server that has only these objects: search with its facets, totals,
// scores, snippets and pages, SQL, summaries, reports and errors.
func TestWhatIsHiddenChangesNothing(t *testing.T) {
	statements, err := NewStatements(nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range statements.Ready() {
		names = append(names, one.Name)
	}
	everything := mixed()
	for user, c := range map[string]struct {
		allowed rights
		sees    func(resource, namespace, name string) bool
	}{
		"a namespace":           {rights{"eve list * a"}, func(_, namespace, _ string) bool { return namespace == "a" }},
		"a kind":                {rights{"eve list queries *"}, func(resource, _, _ string) bool { return resource == "queries" }},
		"a kind in a namespace": {rights{"eve list agents b"}, func(resource, namespace, _ string) bool { return resource == "agents" && namespace == "b" }},
		"kinds in namespaces": {rights{"eve list agents b", "eve list queries a"}, func(resource, namespace, _ string) bool {
			return resource+namespace == "agentsb" || resource+namespace == "queriesa"
		}},
		"names in a namespace": {rights{"eve list queries a n0", "eve list queries a n4", "eve list queries a n5", "eve list queries b n7"}, func(resource, namespace, name string) bool {
			return resource == "queries" && (namespace == "a" && (name == "n0" || name == "n4") || namespace == "b" && name == "n7")
		}},
		"a name everywhere and a kind in a namespace": {rights{"eve list agents * n3", "eve list tools a"}, func(resource, namespace, name string) bool {
			return resource == "agents" && name == "n3" || resource == "tools" && namespace == "a"
		}},
		"other verbs":              {rights{"eve get * *", "eve watch * *", "eve create * *", "eve update * *"}, func(string, string, string) bool { return false }},
		"the history without rows": {rights{"eve list revisions *"}, func(string, string, string) bool { return false }},
	} {
		t.Run(user, func(t *testing.T) {
			var seen fixed
			for _, one := range everything {
				parts := strings.Split(strings.TrimPrefix(one.Key, readmodel.Prefix), "/")
				if c.sees(parts[0], parts[1], parts[2]) {
					seen = append(seen, one)
				}
			}
			whole, alone := serving(t, &c.allowed, everything), serving(t, &c.allowed, seen)
			asked := requests(t, names)
			again := requests(t, names)
			if len(asked) < 350 {
				t.Fatalf("there are %d questions only", len(asked))
			}
			for i := range asked {
				got, want := recorded(whole, asked[i]), recorded(alone, again[i])
				// Continue tokens identify the last row of a page by its id, which reveals only how many rows
				// there were before it.
				if g, w := comparable(got.Body.String()), comparable(want.Body.String()); got.Code != want.Code || g != w {
					t.Errorf("question %d, %s: got %d %.600s\nwant %d %.600s", i, asked[i].URL, got.Code, g, want.Code, w)
				}
			}
		})
	}
}

var token = regexp.MustCompile(`"continue":"[^"]*"`)

func comparable(body string) string {
	return token.ReplaceAllString(changing.ReplaceAllString(body, ""), `"continue":""`)
}

// BenchmarkTimeOfWhatIsHidden sends the same request alternately to two servers. One of them has a
// thousand more objects that match and that the caller may not list. It prints the difference of
// the times in standard deviations of one answer.
func BenchmarkTimeOfWhatIsHidden(b *testing.B) {
	var seen, all fixed
	for i := range 2000 {
		namespace := []string{"a", "b"}[i%2]
		one := readmodel.Change{Key: fmt.Sprintf("%squeries/%s/n%d", readmodel.Prefix, namespace, i), Revision: 5,
			Value: fmt.Appendf(nil, `{"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"input":"whale %d"},"status":{"phase":"done","tokenUsage":{"totalTokens":%d}}}`, i, i)}
		if all = append(all, one); namespace == "a" {
			seen = append(seen, one)
		}
	}
	allowed := &rights{"eve list queries a"}
	servers := [2]*Server{serving(b, allowed, seen), serving(b, allowed, all)}
	search := func(query string) *http.Request {
		return requestAs("eve", http.MethodGet, Prefix+"a/searches?allNamespaces=true&q="+url.QueryEscape(query), "")
	}
	post := func(resource, spec string) *http.Request {
		return requestAs("eve", http.MethodPost, Prefix+"a/"+resource, `{"spec":`+spec+`}`)
	}
	for name, question := range map[string]func() *http.Request{
		"search": func() *http.Request { return search("whale") },
		"absent": func() *http.Request { return search("ns:b whale") },
		"sql": func() *http.Request {
			return post("sqlqueries", `{"query":"select count(*), max(input) from queries","allNamespaces":true}`)
		},
		"summary": func() *http.Request {
			return post("summaries", `{"kind":"Query","groupBy":["namespace"],"allNamespaces":true}`)
		},
	} {
		b.Run(name, func(b *testing.B) {
			var sum, squares [2]float64
			for b.Loop() {
				for i, s := range servers {
					begin := time.Now()
					recorded(s, question())
					took := float64(time.Since(begin).Microseconds())
					sum[i], squares[i] = sum[i]+took, squares[i]+took*took
				}
			}
			n := float64(b.N)
			mean := [2]float64{sum[0] / n, sum[1] / n}
			sigma := math.Sqrt(max(squares[0]/n-mean[0]*mean[0], 1))
			b.ReportMetric(mean[0], "µs/alone")
			b.ReportMetric(mean[1], "µs/hidden")
			b.ReportMetric((mean[1]-mean[0])/sigma, "sigma")
			b.ReportMetric(0, "ns/op")
		})
	}
}
