package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// api answers as an API server does where a test has no say in what a real one does: refusals,
// expired lists, other releases. What real servers do is tested in cmd/ark-server and e2e/cluster.
type api struct {
	mu sync.Mutex
	// answers are by method and path, with the query where there are more of one path; a function may
	// count.
	answers map[string]func() (int, string)
	asked   []string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := r.Method + " " + r.URL.Path
	a.asked = append(a.asked, r.Method+" "+r.URL.RequestURI())
	answer, ok := a.answers[at]
	if next := r.URL.Query().Get("continue"); next != "" {
		answer, ok = a.answers[at+" "+next]
	}
	code, body := http.StatusNotFound, refused(http.StatusNotFound, "NotFound", "no such thing", "")
	if ok {
		code, body = answer()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprint(w, body)
}

func ok(body string) func() (int, string) {
	return func() (int, string) { return http.StatusOK, body }
}

func refuse(code int, reason, message string) func() (int, string) {
	return func() (int, string) { return code, refused(code, reason, message, "") }
}

func refused(code int, reason, message, details string) string {
	if details == "" {
		details = "{}"
	}
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"reason":%q,"code":%d,"details":%s}`, message, reason, code, details)
}

// newAPI serves agents only.
func newAPI(t *testing.T) (*api, *rest.Config) {
	t.Helper()
	a := &api{answers: map[string]func() (int, string){
		"GET /apis/ark.mckinsey.com":                 ok(`{"kind":"APIGroup","versions":[{"version":"v1alpha1"}]}`),
		"GET /apis/ark.mckinsey.com/v1alpha1":        ok(`{"kind":"APIResourceList","resources":[{"name":"agents"},{"name":"agents/status"},{"name":"evaluations"}]}`),
		"GET /api/v1/namespaces/kube-system":         ok(`{"metadata":{"uid":"the-cluster"}}`),
		"GET /apis/ark.mckinsey.com/v1alpha1/agents": ok(agentList("", 5, "a")),
	}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, &rest.Config{Host: server.URL}
}

// agentList is a page of a list whose items name no kind, as those of a typed server.
func agentList(next string, revision int, names ...string) string {
	var items []string
	for _, name := range names {
		items = append(items, fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"n","uid":"uid-%[1]s","resourceVersion":"3","creationTimestamp":"2025-01-31T12:00:00Z","generation":1},"spec":{}}`, name))
	}
	return fmt.Sprintf(`{"kind":"AgentList","apiVersion":"ark.mckinsey.com/v1alpha1","metadata":{"resourceVersion":"%d","continue":%q},"items":[%s]}`, revision, next, strings.Join(items, ","))
}

func TestKubeSource(t *testing.T) {
	t.Parallel()
	a, config := newAPI(t)
	// The second page is gone at first: the list begins again.
	expired := false
	const agents = "GET /apis/ark.mckinsey.com/v1alpha1/agents"
	a.answers[agents] = ok(agentList("p2", 5, "a", "b"))
	a.answers[agents+" p2"] = func() (int, string) {
		if !expired {
			expired = true
			return http.StatusGone, refused(http.StatusGone, "Expired", "too old", "")
		}
		return http.StatusOK, agentList("", 5, "c")
	}
	k, err := NewKube(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if k.ID() != "cluster the-cluster" || !k.Serves("agents") || k.Serves("queries") || k.Backend() != "" {
		t.Errorf("id %q, agents %t, queries %t, backend %q", k.ID(), k.Serves("agents"), k.Serves("queries"), k.Backend())
	}
	f := newFixture(t)
	var told said
	s := mustImport(t, k, f, ImportOptions{Prune: true, Reports: told.reports()})
	wantCounts(t, s, map[Outcome]int{Created: 3})
	if !expired {
		t.Error("the list was not read again")
	}
	// A new storage has counted beyond the source by these writes, or says so.
	a.answers[agents] = ok(agentList("", 1_000_000, "a", "b", "c"))
	if k, err = NewKube(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, mustImport(t, k, f, ImportOptions{Prune: true, Reports: told.reports()}), map[Outcome]int{Unchanged: 3})
	told.want(t, "warning: the source's resourceVersions reach 1000000", "move it on")
}

func TestKubeRefusals(t *testing.T) {
	t.Parallel()
	const agents = "GET /apis/ark.mckinsey.com/v1alpha1/agents"
	for _, c := range []struct {
		name, at string
		answer   func() (int, string)
		want     []string
	}{
		{"no such group", "GET /apis/ark.mckinsey.com", nil, []string{"does not serve ark.mckinsey.com", "CRDs"}},
		{"no known kind", "GET /apis/ark.mckinsey.com/v1alpha1", ok(`{"resources":[{"name":"evaluations"}]}`), []string{"no kind of it that this ark-server knows"}},
		{"not a server of the API", "GET /apis/ark.mckinsey.com", ok("<html>"), []string{"read which versions"}},
		{"nobody", "GET /apis/ark.mckinsey.com", refuse(401, "Unauthorized", "Unauthorized"), []string{"does not know the user"}},
		{"forbidden", agents, refuse(403, "Forbidden", `User "bob" cannot list`), []string{"list agents.ark.mckinsey.com", "may not", "bob"}},
		{"dead", agents, refuse(503, "ServiceUnavailable", "unavailable"), []string{"list agents", "kubectl get apiservices"}},
		{"not a list", agents, ok("[]"), []string{"read the list of agents"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, config := newAPI(t)
			a.answers[c.at] = c.answer
			if c.answer == nil {
				delete(a.answers, c.at)
			}
			k, err := NewKube(t.Context(), config)
			if err == nil {
				_, err = Import(t.Context(), k, newFixture(t).Store, whole)
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, text := range append(c.want, config.Host) {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not tell %q", err, text)
				}
			}
		})
	}
}

// A cluster that ark-server serves is no way back.
func TestExportToAService(t *testing.T) {
	t.Parallel()
	a, config := newAPI(t)
	a.answers["GET /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.ark.mckinsey.com"] = ok(`{"spec":{"service":{"namespace":"ark-system","name":"ark-server"}}}`)
	k, err := NewKube(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), newFixture(t).Store, k, ExportOptions{}); !errors.Is(err, ErrServedByService) || !strings.Contains(err.Error(), "ark-system/ark-server") {
		t.Errorf("%v, want %v", err, ErrServedByService)
	}
}

// What a target refuses is told without values, and does not stop the rest; a missing right does.
func TestExportRefusals(t *testing.T) {
	t.Parallel()
	const post = "POST /apis/ark.mckinsey.com/v1alpha1/namespaces/n/agents"
	const secret = "hush-hush"
	for _, c := range []struct {
		name     string
		answer   func() (int, string)
		outcome  Outcome
		want, no string
	}{
		{"by its schema", func() (int, string) {
			return 422, refused(422, "Invalid", "spec.prompt: Invalid value: "+secret, `{"causes":[{"reason":"FieldValueInvalid","message":"`+secret+`","field":"spec.prompt"}]}`)
		}, Refused, "spec.prompt (FieldValueInvalid)", secret},
		{"by a webhook", refuse(403, "Forbidden", `admission webhook "vagent.kb.io" denied the request: `+secret), Refused, "vagent.kb.io denied it", secret},
		{"for its namespace", func() (int, string) {
			return 404, refused(404, "NotFound", `namespaces "n" not found`, `{"name":"n","kind":"namespaces"}`)
		}, Refused, "there is no namespace n", ""},
		{"for want of a right", refuse(403, "Forbidden", `User "bob" cannot create`), "", "may not", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, config := newAPI(t)
			a.answers["GET /apis/ark.mckinsey.com/v1alpha1/agents"] = ok(agentList("", 5))
			a.answers[post] = c.answer
			k, err := NewKube(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			f := newFixture(t)
			f.write(t, "ark.mckinsey.com/agents/n/a", `{"kind":"Agent","apiVersion":"ark.mckinsey.com/v1alpha1","metadata":{"name":"a","namespace":"n","uid":"u"},"spec":{"prompt":"`+secret+`"}}`)
			var told said
			s, err := Export(t.Context(), f.Store, k, ExportOptions{Reports: told.reports()})
			text := fmt.Sprint(told.lines, err)
			if c.outcome == "" && err == nil || c.outcome != "" && (err != nil || s.Total(c.outcome) != 1) {
				t.Errorf("%v, %s", err, text)
			}
			if !strings.Contains(text, c.want) || c.no != "" && strings.Contains(text, c.no) {
				t.Errorf("%s; want %q, and not %q", text, c.want, c.no)
			}
		})
	}
}

// Objects that only the target has go only if an import took them from there; their finalizers go
// first.
func TestExportDeletesWhatTheImportBrought(t *testing.T) {
	t.Parallel()
	a, config := newAPI(t)
	k, err := NewKube(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	mustImport(t, k, f, whole) // "a"
	found, err := f.look(t.Context(), "ark.mckinsey.com/agents/n/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.kv.Delete(t.Context(), objectPrefix+"ark.mckinsey.com/agents/n/a"); err != nil || found.record == nil {
		t.Fatal(err)
	}
	list := strings.Replace(agentList("", 9, "a", "foreign"), `"namespace":"n"`, `"namespace":"n","finalizers":["example.com/hold"]`, 1)
	a.answers["GET /apis/ark.mckinsey.com/v1alpha1/agents"] = ok(list)
	const at = "/apis/ark.mckinsey.com/v1alpha1/namespaces/n/agents/a"
	a.answers["PATCH "+at], a.answers["DELETE "+at] = ok(`{}`), ok(`{}`)
	var told said
	s, err := Export(t.Context(), f.Store, k, ExportOptions{Reports: told.reports()})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, s, map[Outcome]int{Deleted: 1, Conflict: 1})
	told.want(t, "Agent n/foreign: conflict: it is only in the target")
	var writes []string
	for _, one := range a.asked {
		if !strings.HasPrefix(one, "GET ") {
			writes = append(writes, strings.SplitN(one, "?", 2)[0])
		}
	}
	if got, want := strings.Join(writes, ", "), "PATCH "+at+", DELETE "+at; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
