package engine

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

var update = flag.Bool("update", false, "write the golden files anew")

func splitYAML(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, "\n---\n") {
		if strings.TrimSpace(part) != "" {
			out = append(out, part)
		}
	}
	return out
}

// recorded is one query, the objects that it needs, and the model's answers to one call after
// another.
type recorded struct {
	name    string
	objects string
	answers []scripted.Answer
}

// toolServer starts the server that HTTP tools call. It echoes the request.
func toolServer(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/fail"):
			http.Error(w, "out of order", http.StatusTeapot)
		case strings.HasSuffix(r.URL.Path, "/large"):
			_, _ = w.Write(bytes.Repeat([]byte("x"), 20<<20))
		case strings.HasSuffix(r.URL.Path, "/json"):
			_, _ = w.Write([]byte(`{"items":[{"name":"a"},{"name":"b"}]}`))
		case strings.HasSuffix(r.URL.Path, "/medium"):
			_, _ = w.Write(bytes.Repeat([]byte("x"), 3<<20))
		default:
			var body bytes.Buffer
			_, _ = body.ReadFrom(r.Body)
			fmt.Fprintf(w, "%s %s token=%s body=%s", r.Method, r.URL.RequestURI(), r.Header.Get("X-Token"), body.String())
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestExecutions runs every execution of the table, and compares its observable behavior with a
// golden file: the phases in order, the end, and the requests to the model.
func TestExecutions(t *testing.T) {
	var mu sync.Mutex
	turns := map[string]int{}
	byName := map[string]recorded{}
	for _, x := range executions() {
		if _, twice := byName[x.name]; twice {
			t.Fatalf("two executions are called %s", x.name)
		}
		byName[x.name] = x
	}
	w := newWorld(t, func(r scripted.Request) scripted.Answer {
		name := strings.Split(r.Path, "/")[1]
		mu.Lock()
		defer mu.Unlock()
		turn := turns[name]
		turns[name]++
		if turn >= len(byName[name].answers) {
			return scripted.Answer{Status: http.StatusBadRequest, Text: "the script has no more answers"}
		}
		return byName[name].answers[turn]
	})
	places := mcpServers(t)
	places["{{tool}}"] = toolServer(t)
	a2aServers(t, places)
	memories(t, places)
	said := &overheard{lines: map[string][]string{}, ended: map[string]int{}}
	w.start(Limits{Total: 8}, func(o *Options) { o.Sink, o.Events = said, true })
	for _, x := range executions() {
		t.Run(x.name, func(t *testing.T) {
			here := *w
			here.t = t
			got := here.run(x, places, said)
			file := filepath.Join("testdata", "executions", x.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "executions", "*.golden"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(byName) {
		t.Errorf("%d golden files for %d executions", len(files), len(byName))
	}
}

// exchanges matches the identifiers that A2A servers generate.
var exchanges = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// signatures matches the signatures of requests to AWS, which depend on the time.
var signatures = regexp.MustCompile(`/[0-9]{8}/|Signature=[0-9a-f]{64}`)

var markers = regexp.MustCompile(`marker-\d+`)

func (w *world) run(x recorded, places map[string]string, said *overheard) string {
	w.t.Helper()
	if _, err := w.admin.Core.CoreV1().Namespaces().Create(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: x.name}}, metav1.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
	watcher, err := w.admin.Ark(v1alpha1.SchemeGroupVersion).Get().Namespace(x.name).Resource("queries").
		VersionedParams(&metav1.ListOptions{Watch: true}, metav1.ParameterCodec).Watch(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer watcher.Stop()
	before := len(w.model.Requests())
	there, back := []string{"{{model}}", w.url + "/" + x.name}, []string{w.url, "MODEL"}
	for place, url := range places {
		there, back = append(there, place, url), append(back, url, strings.ToUpper(strings.Trim(place, "{}")))
	}
	text := strings.NewReplacer(there...).Replace(commonObjects + "\n---\n" + x.objects)
	for _, part := range splitYAML(text) {
		w.apply(strings.Replace(part, "metadata: {", "metadata: {namespace: "+x.name+", ", 1))
	}
	var phases []string
	var end *v1alpha1.Query
	var out strings.Builder
	task, asked := "", 0
	for event := range watcher.ResultChan() {
		q, ok := event.Object.(*v1alpha1.Query)
		if !ok {
			w.t.Fatalf("the watch says %v", event.Object)
		}
		phase := string(phaseOf(q))
		if len(phases) == 0 || phases[len(phases)-1] != phase {
			phases = append(phases, phase)
		}
		if end = q; terminal(phaseOf(q)) {
			break
		}
		if phaseOf(q) == waitsForInput && taskOf(q) != task {
			task = taskOf(q)
			fmt.Fprintf(&out, "%s\n", w.shownTask(q))
			if asked++; asked > len(decisions[x.name]) {
				break
			}
			if decision := decisions[x.name][asked-1]; decision != "" {
				w.decide(w.task(q), decision)
			}
		}
	}
	fmt.Fprintf(&out, "phases: %s\n", strings.Join(phases, " > "))
	for _, c := range end.Status.Conditions {
		fmt.Fprintf(&out, "condition: %s=%s %s: %s\n", c.Type, c.Status, c.Reason, *c.Message)
	}
	if r := end.Status.Response; r != nil {
		if r.Target != nil {
			fmt.Fprintf(&out, "target: %s/%s\n", r.Target.Type, r.Target.Name)
		}
		if x := r.A2A; x != nil {
			fmt.Fprintf(&out, "a2a: context %s, task %s\n", shown(x.ContextID), shown(x.TaskID))
		}
		fmt.Fprintf(&out, "content: %s\nraw: %s\n", shown(r.Content), shown(r.Raw))
	}
	if n := end.Annotations[annotationDenials]; n != "" {
		fmt.Fprintf(&out, "denials: %s\n", n)
	}
	if u := end.Status.TokenUsage; u != nil {
		fmt.Fprintf(&out, "tokens: %d + %d = %d\n", *u.PromptTokens, *u.CompletionTokens, *u.TotalTokens)
	}
	if slices.Contains(phases, "running") {
		runs := 1
		if asked > 0 {
			runs = strings.Count(strings.Join(phases, " "), "running")
		}
		fmt.Fprintf(&out, "stream: %s\n", shown(ptr(strings.Join(said.of(w.t, x.name, runs), " | "))))
		if terminal(phaseOf(end)) {
			fmt.Fprintf(&out, "events: %s\n", shown(ptr(w.events(x.name))))
		}
	}
	for i, r := range w.model.Requests()[before:] {
		fmt.Fprintf(&out, "\nrequest %d\n%s", i+1, sent(w.t, r))
	}
	masked := signatures.ReplaceAllString(out.String(), "/SIGNED/")
	return strings.NewReplacer(back...).Replace(exchanges.ReplaceAllString(markers.ReplaceAllString(masked, "MARKER"), "ID"))
}

func shown(p *string) string {
	if p == nil {
		return "(none)"
	}
	if len(*p) > 3000 {
		return fmt.Sprintf("%s... (%d bytes)", (*p)[:100], len(*p))
	}
	return *p
}

// sent returns a request in readable form: one message per line, then the other fields by name.
func sent(t testing.TB, r scripted.Request) string {
	t.Helper()
	var body map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	var messages []json.RawMessage
	if err := json.Unmarshal(body["messages"], &messages); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&out, "  %s\n", shown(ptr(string(m))))
	}
	delete(body, "messages")
	for _, usual := range []string{"stream", "stream_options"} {
		delete(body, usual)
	}
	rest, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "  %s\n", rest)
	for _, name := range []string{"Authorization", "X-Api-Key", "Api-Key", "X-Team", "X-Agent", "Anthropic-Version"} {
		if v := r.Header.Get(name); v != "" {
			fmt.Fprintf(&out, "  %s: %s\n", name, v)
		}
	}
	if !strings.HasSuffix(r.Path, "/v1/chat/completions") {
		fmt.Fprintf(&out, "  path: %s\n", r.Path)
	}
	return out.String()
}

func ptr[T any](v T) *T { return &v }
