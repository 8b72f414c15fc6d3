package engine

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// heard is a Sink that records what it receives.
type heard struct {
	mu      sync.Mutex
	chunks  map[string][]Chunk
	ended   map[string]error
	changed chan struct{} // receives a value when a stream ends
}

type hearing struct {
	to   *heard
	name string
}

func newHeard() *heard {
	return &heard{chunks: map[string][]Chunk{}, ended: map[string]error{}, changed: make(chan struct{}, 100)}
}

func (h *heard) Open(q *v1alpha1.Query) Stream { return hearing{h, q.Name} }

func (s hearing) Chunk(c Chunk) {
	s.to.mu.Lock()
	defer s.to.mu.Unlock()
	s.to.chunks[s.name] = append(s.to.chunks[s.name], c)
}

func (s hearing) End(why error) {
	s.to.mu.Lock()
	s.to.ended[s.name] = why
	s.to.mu.Unlock()
	s.to.changed <- struct{}{}
}

// said is the part of a chunk that a test checks.
type said struct {
	ID      string `json:"id"`
	Choices []struct {
		Delta struct {
			Content   string            `json:"content"`
			ToolCalls []json.RawMessage `json:"tool_calls"`
		} `json:"delta"`
	} `json:"choices"`
	Usage *json.RawMessage `json:"usage"`
	Error *struct {
		Message string `json:"message"`
		Code    string `json:"code"`
	} `json:"error"`
	Ark struct {
		Query     types.UID       `json:"query"`
		Session   string          `json:"session"`
		Agent     string          `json:"agent"`
		Team      string          `json:"team"`
		Model     string          `json:"model"`
		Completed *v1alpha1.Query `json:"completedQuery"`
	} `json:"ark"`
}

// brief names a chunk by its content.
func (s said) brief(c Chunk) string {
	switch {
	case s.ID == "chatcmpl-final":
		return "final " + string(phaseOf(s.Ark.Completed))
	case s.Error != nil:
		return "error " + s.Error.Code
	case s.Usage != nil:
		return "usage"
	case len(s.Choices) == 1 && len(s.Choices[0].Delta.ToolCalls) > 0 && c.Repeats:
		return "calls again"
	case len(s.Choices) == 1 && len(s.Choices[0].Delta.ToolCalls) > 0:
		return "call"
	case len(s.Choices) == 1 && s.Choices[0].Delta.Content != "":
		return "text"
	}
	return "other"
}

// The output of models is streamed while a query runs, with its sender, and the end as it is
// stored.
func TestSink(t *testing.T) {
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		switch last := r.Messages[len(r.Messages)-1]; {
		case strings.Contains(r.Last(), "nonce broken"):
			return scripted.Answer{Status: http.StatusBadRequest, Text: "no such thing"}
		case strings.Contains(r.Last(), "nonce calls") && last.Role == "user":
			return scripted.Answer{Calls: []scripted.Call{{Name: "noop", Arguments: "{}"}}}
		}
		return scripted.Answer{Text: "It is fine."}
	})
	w.apply(team(`{strategy: sequential, ` + both + `}`))
	sink := newHeard()
	w.start(Limits{}, func(o *Options) { o.Sink = sink })
	w.ask("calls", toTooled, "")
	w.ask("broken", toPlain, "")
	w.ask("team", toTeam, "")
	for range 3 {
		<-sink.changed
	}
	text := "text, text, other, usage, "
	for name, want := range map[string]string{
		"calls":  "other, call, other, usage, calls again, " + text + "final done",
		"broken": "error execution_failed, final error",
		"team":   text + text + "final done",
	} {
		q := w.query("default", name)
		var got, agents []string
		for _, c := range sink.chunks[name] {
			if strings.Contains(string(c.Data), "\n") {
				t.Errorf("%s: a chunk has more than one line: %s", name, c.Data)
			}
			var s said
			if err := json.Unmarshal(c.Data, &s); err != nil {
				t.Fatalf("%s: %s: %v", name, c.Data, err)
			}
			if s.Ark.Query != q.UID || s.Ark.Session != string(q.UID) {
				t.Errorf("%s: a chunk is of the query %s and the session %s: %s", name, s.Ark.Query, s.Ark.Session, c.Data)
			}
			got = append(got, s.brief(c))
			if s.Ark.Agent != "" {
				agents = append(agents, s.Ark.Team+"/"+s.Ark.Agent+"/"+s.Ark.Model)
			}
			if last := s.Ark.Completed; last != nil && (last.ResourceVersion != q.ResourceVersion || *last.Status.Response.Content != *q.Status.Response.Content) {
				t.Errorf("%s: the last chunk has the query as %+v, stored is %+v", name, last, q)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: got %s\nwant %s", name, strings.Join(got, ", "), want)
		}
		if err := sink.ended[name]; err != nil {
			t.Errorf("%s: ended with %v", name, err)
		}
		if name == "team" && (agents[0] != "t/plain/gpt-test" || agents[len(agents)-1] != "t/second/gpt-test") {
			t.Errorf("the team's chunks are from %v", agents)
		}
	}
}

// A stream ends with a reason if its query does not end.
func TestSinkOfAnEngineThatStops(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Hang: true} })
	sink := newHeard()
	stop := w.start(Limits{}, func(o *Options) { o.Sink = sink })
	w.ask("hangs", toPlain, "")
	w.awaitModel(1)
	stop()
	if err := sink.ended["hangs"]; !errors.Is(err, errStopping) {
		t.Errorf("the stream ended with %v", err)
	}
	if chunks := sink.chunks["hangs"]; len(chunks) > 0 {
		t.Errorf("there are chunks: %s", chunks[0].Data)
	}
}

// A query is written three times: when it is created, when it is claimed, and when it ends.
func TestWritesOfAQuery(t *testing.T) {
	w := newDefault(t, func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "Fine."} })
	w.ask("q", toPlain, "")
	made := w.query("default", "q")
	if phaseOf(made) != v1alpha1.QueryPending {
		t.Errorf("a new query has the phase %q", phaseOf(made))
	}
	watcher, err := w.admin.Ark(v1alpha1.SchemeGroupVersion).Get().Namespace("default").Resource("queries").
		Param("watch", "true").Param("resourceVersion", made.ResourceVersion).Watch(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	w.start(Limits{})
	for i, want := range []v1alpha1.QueryPhase{v1alpha1.QueryRunning, v1alpha1.QueryDone} {
		q, ok := (<-watcher.ResultChan()).Object.(*v1alpha1.Query)
		if !ok || phaseOf(q) != want {
			t.Fatalf("write %d: %+v, want the phase %s", i+1, q, want)
		}
		if q.Annotations[annotationEngine] == "" || !strings.Contains(q.Annotations[annotationVersions], "agents/default/plain") {
			t.Errorf("phase %s: the query does not say who runs it with what: %v", want, q.Annotations)
		}
	}
}
