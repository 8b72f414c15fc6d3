package engine

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

var many = flag.Int("queries", 900, "how many queries three replicas execute while they are killed in turn")

// Sorts of queries, by which their names and questions begin. A get query calls a tool that may be
// called again, a post query one that must not, and the model never answers a hang query.
const (
	plain = "plain"
	get   = "get"
	post1 = "post"
	hang  = "hang"
)

// outside is a scripted model and a tool server. They count their requests by question, and
// the question is the query's name.
type outside struct {
	model, tools *httptest.Server
	// hold, while it is not nil, holds back all answers until it is closed.
	hold chan struct{}
	// pause is the latency of the model.
	pause time.Duration

	mu     sync.Mutex
	asked  map[string]int
	called map[string]int
	// order holds the questions in the order in which the model received them.
	order []string
}

func newOutside(t *testing.T) *outside {
	o := &outside{asked: map[string]int{}, called: map[string]int{}}
	o.model = httptest.NewServer(scripted.NewForgetful(o.answer))
	o.tools = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.called[r.URL.Query().Get("q")]++
		o.mu.Unlock()
		o.wait()
		fmt.Fprint(w, "noted")
	}))
	t.Cleanup(func() {
		for _, s := range []*httptest.Server{o.model, o.tools} {
			s.CloseClientConnections()
			s.Close()
		}
	})
	return o
}

func (o *outside) wait() {
	if o.hold != nil {
		<-o.hold
	}
}

func (o *outside) answer(r scripted.Request) scripted.Answer {
	question := ""
	for _, m := range r.Messages {
		if m.Role == "user" {
			question = m.Text()
		}
	}
	o.mu.Lock()
	o.asked[question]++
	o.order = append(o.order, question)
	o.mu.Unlock()
	time.Sleep(o.pause)
	sort, _, _ := strings.Cut(question, "-")
	switch last := r.Messages[len(r.Messages)-1]; {
	case sort == hang:
		return scripted.Answer{Hang: true}
	case sort == plain:
		o.wait()
	case (sort == get || sort == post1) && last.Role != "tool":
		return scripted.Answer{Calls: []scripted.Call{{Name: sort + "-it", Arguments: `{"q":"` + question + `"}`}}}
	}
	return scripted.Answer{Text: "The answer to " + question}
}

// counts returns how often the model was asked, and a tool was called, for a query.
func (o *outside) counts(name string) (asked, called int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[name], o.called[name]
}

// await waits until the model was asked, or a tool was called, for so many queries.
func (o *outside) await(ctx context.Context, t *testing.T, what string, of func() int, n int) {
	t.Helper()
	for {
		o.mu.Lock()
		have := of()
		o.mu.Unlock()
		if have >= n {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d of %d queries have come to the %s", have, n, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// aModel is the object of the scripted model.
func (o *outside) aModel() string {
	return `{"metadata":{"name":"default"},"spec":{"provider":"openai","model":{"value":"scripted"},"config":{"openai":{"baseUrl":{"value":"` +
		o.model.URL + `/v1"},"apiKey":{"value":"none"}}}}}`
}

// furnish creates the objects that queries refer to.
func (o *outside) furnish(ctx context.Context, t *testing.T, client *rest.RESTClient) {
	t.Helper()
	post(ctx, t, client, "models", o.aModel(), "Model")
	for _, sort := range []string{plain, hang} {
		post(ctx, t, client, "agents", `{"metadata":{"name":"`+sort+`"},"spec":{"prompt":"Answer."}}`, "Agent")
	}
	for _, sort := range []string{get, post1} {
		post(ctx, t, client, "tools", `{"metadata":{"name":"`+sort+`-it"},"spec":{"type":"http","http":{"method":"`+strings.ToUpper(sort)+`","url":"`+o.tools.URL+
			`/?q={q}"},"inputSchema":{"type":"object","properties":{"q":{"type":"string"}}}}}`, "Tool")
		post(ctx, t, client, "agents", `{"metadata":{"name":"`+sort+`"},"spec":{"prompt":"Answer.","tools":[{"type":"http","name":"`+sort+`-it"}]}}`, "Agent")
	}
}

// questionOf is a query of a sort.
func questionOf(sort, name string) string {
	more := ""
	if sort == hang {
		more = `,"timeout":"5s"`
	}
	return fmt.Sprintf(`{"metadata":{"name":%[1]q},"spec":{"input":%[1]q,"target":{"type":"agent","name":%[2]q}%[3]s}}`, name, sort, more)
}

// check compares a query that has ended with the requests that the model and the tools received.
func (o *outside) check(t *testing.T, q query) (interrupted bool) {
	t.Helper()
	name, content := q.Metadata.Name, q.Status.Response.Content
	sort, _, _ := strings.Cut(name, "-")
	_, called := o.counts(name)
	switch {
	case sort == hang:
		if q.Status.Phase != "error" || !strings.Contains(content, "time") {
			t.Errorf("%s is %s with %q", name, q.Status.Phase, content)
		}
	case sort == post1 && called > 1:
		t.Errorf("%s: the tool was called %d times", name, called)
	case sort == post1 && q.Status.Phase == "error":
		if !strings.Contains(content, "must not be repeated") {
			t.Errorf("%s: %q", name, content)
		}
		return true
	case q.Status.Phase != "done" || content != "The answer to "+name:
		t.Errorf("%s is %s with %q", name, q.Status.Phase, content)
	case sort != plain && called == 0:
		t.Errorf("%s is done, and its tool was not called", name)
	}
	return false
}
