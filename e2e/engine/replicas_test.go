package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/fleet"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

const (
	queries = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
	// all is the number of queries. The model holds back the answer to every heldEach-th query.
	all, heldEach = 300, 5
	patience      = 10 * time.Minute
)

// query is what the test looks at.
type query struct {
	Metadata struct {
		Name            string            `json:"name"`
		UID             string            `json:"uid"`
		ResourceVersion string            `json:"resourceVersion"`
		Annotations     map[string]string `json:"annotations"`
	} `json:"metadata"`
	Status struct {
		Phase    string `json:"phase"`
		Response struct {
			Content string `json:"content"`
		} `json:"response"`
	} `json:"status"`
}

func (q query) by() string { return q.Metadata.Annotations["ark.mckinsey.com/engine"] }

func (q query) ended() bool {
	return q.Status.Phase == "done" || q.Status.Phase == "error" || q.Status.Phase == "canceled"
}

// TestKilledReplica runs two servers that share the queries of one database. One is killed while it
// executes some: the other takes them over, and every query ends once, with the right answer.
func TestKilledReplica(t *testing.T) {
	model, release := newModel(t)
	_, place := engine.Start(t, engine.PostgreSQL)
	keys, args := t.TempDir(), []string{"--engine=embedded", "--engine-concurrency=64"}
	servers := fleet.New(
		component.ArkOptions{Dir: t.TempDir(), Keys: keys, Storage: place.Flags(), Args: args},
		component.ArkOptions{Dir: t.TempDir(), Keys: keys, Storage: place.Flags(), Args: args},
	)
	servers.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	survivor := servers.Client(1)
	post(ctx, t, survivor, "models", `{"metadata":{"name":"default"},"spec":{"provider":"openai","model":{"value":"scripted"},"config":{"openai":{"baseUrl":{"value":"`+
		model.url+`/v1"},"apiKey":{"value":"none"}}}}}`, "Model")
	post(ctx, t, survivor, "agents", `{"metadata":{"name":"a"},"spec":{"prompt":"Answer."}}`, "Agent")
	ends := watchEnds(ctx, t, func() *rest.RESTClient { return survivor })
	for i := range all {
		word := "question"
		if i%heldEach == 0 {
			word = "held"
		}
		post(ctx, t, servers.Client(i%2), "queries",
			fmt.Sprintf(`{"metadata":{"name":"q%d"},"spec":{"input":"%s %d","target":{"type":"agent","name":"a"}}}`, i, word, i), "Query")
	}
	model.await(ctx, t, all)
	before := map[string]string{}
	engines := map[string]int{}
	for _, q := range list(ctx, t, survivor) {
		engines[q.by()]++
		if !q.ended() {
			before[q.Metadata.Name] = q.by()
		}
	}
	if len(before) < all/heldEach {
		t.Fatalf("%d queries are running, want %d", len(before), all/heldEach)
	}
	if len(engines) != 2 {
		t.Errorf("the queries were shared out as %v", engines)
	}

	t.Logf("shared out as %v, of which %d run", engines, len(before))

	servers.Server(0).Kill()
	killed := time.Now()
	close(release)
	got := ends.await(ctx, t, all)
	t.Logf("the last query ended %s after the kill; the model was asked %d times", time.Since(killed).Round(time.Second), model.count())
	by := map[string]int{}
	for _, q := range list(ctx, t, survivor) {
		name := q.Metadata.Name
		want := "The answer to " + model.question(name)
		if q.Status.Phase != "done" || q.Status.Response.Content != want {
			t.Errorf("%s is %s with %q, want %q", name, q.Status.Phase, q.Status.Response.Content, want)
		}
		if n := got[q.Metadata.UID]; n != 1 {
			t.Errorf("%s has ended %d times", name, n)
		}
		if before[name] != "" {
			by[q.by()]++
		}
	}
	if len(by) != 1 {
		t.Errorf("what was running was ended by %v, want one engine", by)
	}
}

// model is a scripted model that can hold back answers, and counts requests.
type model struct {
	url string

	mu    sync.Mutex
	asked map[string]int
}

func newModel(t *testing.T) (*model, chan struct{}) {
	m, release := &model{asked: map[string]int{}}, make(chan struct{})
	server := httptest.NewServer(scripted.NewForgetful(func(r scripted.Request) scripted.Answer {
		question := r.Last()
		m.mu.Lock()
		m.asked[question]++
		m.mu.Unlock()
		if strings.HasPrefix(question, "held") {
			<-release
		}
		return scripted.Answer{Text: "The answer to " + question}
	}))
	t.Cleanup(func() {
		select {
		case <-release:
		default:
			close(release)
		}
		server.CloseClientConnections()
		server.Close()
	})
	m.url = server.URL
	return m, release
}

// await waits until the model has received n different questions.
func (m *model) await(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	for {
		m.mu.Lock()
		// The engine also sends probes of the model.
		asked := len(m.asked)
		m.mu.Unlock()
		if asked >= n {
			return
		}
		if err := ctx.Err(); err != nil {
			t.Fatalf("the model was asked %d questions of %d: %v", asked, n, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (m *model) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, times := range m.asked {
		n += times
	}
	return n
}

// question returns the question of a query.
func (m *model) question(name string) string {
	number := strings.TrimPrefix(name, "q")
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, word := range []string{"held ", "question "} {
		if m.asked[word+number] > 0 {
			return word + number
		}
	}
	return "nothing: the model was not asked"
}

func post(ctx context.Context, t *testing.T, client *rest.RESTClient, resource, object, kind string) {
	t.Helper()
	postIn(ctx, t, client, "default", resource, object, kind)
}

func postIn(ctx context.Context, t *testing.T, client *rest.RESTClient, namespace, resource, object, kind string) {
	t.Helper()
	body := `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"` + kind + `",` + object[1:]
	path := "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + namespace + "/" + resource
	if answer, err := client.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body([]byte(body)).DoRaw(ctx); err != nil {
		t.Fatalf("make %s: %v: %s", object, err, answer)
	}
}

func list(ctx context.Context, t *testing.T, client *rest.RESTClient) []query {
	t.Helper()
	text, err := client.Get().AbsPath(queries).DoRaw(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Items []query }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all.Items
}

// ends counts how often each query has ended.
type ends struct {
	mu    sync.Mutex
	phase map[string]string
	times map[string]int
}

// watchEnds watches from now on until the context ends. If the server ends a watch, the next one
// continues.
func watchEnds(ctx context.Context, t *testing.T, client func() *rest.RESTClient) *ends {
	t.Helper()
	e := &ends{phase: map[string]string{}, times: map[string]int{}}
	text, err := client().Get().AbsPath(queries).DoRaw(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var start struct {
		Metadata struct{ ResourceVersion string }
	}
	if err := json.Unmarshal(text, &start); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	t.Cleanup(func() {
		stop()
		<-ended
	})
	go func() {
		defer close(ended)
		version := start.Metadata.ResourceVersion
		for ctx.Err() == nil {
			stream, err := client().Get().AbsPath(queries).Param("watch", "true").Param("resourceVersion", version).Stream(ctx)
			gone := apierrors.IsResourceExpired(err)
			if err == nil {
				version, gone = e.read(stream, version)
			}
			if gone {
				version = e.relist(ctx, client(), version)
			}
			if err != nil || gone {
				time.Sleep(20 * time.Millisecond)
			}
		}
	}()
	return e
}

// read reads a watch to its end, and returns its last resourceVersion. gone is true if the watch
// cannot continue from there: a server that has just started has no earlier events in its cache.
func (e *ends) read(stream io.ReadCloser, version string) (_ string, gone bool) {
	defer stream.Close()
	decoder := json.NewDecoder(stream)
	for {
		var event struct {
			Type   string
			Object json.RawMessage // a Status, with ERROR
		}
		if err := decoder.Decode(&event); err != nil {
			return version, false
		}
		var q query
		if event.Type == "ERROR" || json.Unmarshal(event.Object, &q) != nil {
			return version, true
		}
		version = q.Metadata.ResourceVersion
		e.observe(q)
	}
}

// relist lists the queries whose events can no longer be watched.
func (e *ends) relist(ctx context.Context, client *rest.RESTClient, version string) string {
	text, err := client.Get().AbsPath(queries).DoRaw(ctx)
	if err != nil {
		return version
	}
	var all struct {
		Metadata struct{ ResourceVersion string }
		Items    []query
	}
	if json.Unmarshal(text, &all) != nil {
		return version
	}
	for _, q := range all.Items {
		e.observe(q)
	}
	return all.Metadata.ResourceVersion
}

func (e *ends) observe(q query) {
	uid, phase := q.Metadata.UID, q.Status.Phase
	e.mu.Lock()
	defer e.mu.Unlock()
	if q.ended() && e.phase[uid] != phase {
		e.times[uid]++
	}
	e.phase[uid] = phase
}

// await waits until n queries have ended.
func (e *ends) await(ctx context.Context, t *testing.T, n int) map[string]int {
	t.Helper()
	for {
		e.mu.Lock()
		if len(e.times) >= n {
			defer e.mu.Unlock()
			out := map[string]int{}
			for uid, times := range e.times {
				out[uid] = times
			}
			return out
		}
		seen := len(e.times)
		e.mu.Unlock()
		if err := ctx.Err(); err != nil {
			t.Fatalf("%d of %d queries have ended: %v", seen, n, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
