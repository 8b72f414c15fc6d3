package chat

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/stream"
)

// uncounted is an Observer that counts nothing.
type uncounted struct{}

func (uncounted) Opened(string)                            {}
func (uncounted) Closed(string)                            {}
func (uncounted) Ended(string, string)                     {}
func (uncounted) First(string, time.Duration)              {}
func (uncounted) Used(string, int64, int64, time.Duration) {}

// api is the part of the API that a request for a completion needs. It records the requests.
type api struct {
	mu    sync.Mutex
	asked []string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	what := r.Method + " " + r.URL.Path[strings.LastIndex(r.URL.Path, "/default/")+len("/default/"):]
	a.asked = append(a.asked, what)
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodPost {
		_, _ = w.Write([]byte(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"guide","namespace":"default"}}`))
		return
	}
	var q map[string]any
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	q["metadata"].(map[string]any)["uid"] = "uid-1"
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(q)
}

// talking returns a server on such an API, whose options a test changes.
func talking(t *testing.T, tune func(*Options)) (*Server, *api) {
	t.Helper()
	transport, there := inprocess.New("test"), &api{}
	transport.Serve(there)
	t.Cleanup(transport.Close)
	config, err := transport.Config(&user.DefaultInfo{Name: User})
	if err != nil {
		t.Fatal(err)
	}
	system, err := objects.New(config)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Transport: transport, System: system, Broker: stream.New(stream.DefaultLimits, time.Now), Observer: uncounted{}, MaxBody: 1 << 20,
		Trace: func(context.Context) string { return "" },
	}
	tune(&o)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, there
}

func (a *api) requests() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.asked, ", ")
}

func post(t *testing.T, s *Server, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r.WithContext(apirequest.WithUser(r.Context(), &user.DefaultInfo{Name: "alice"})))
	return w
}

// While the memory limit is reached no Query is created, and OpenAI clients receive the reason.
func TestFull(t *testing.T) {
	s, there := talking(t, func(o *Options) { o.Full = func() bool { return true } })
	for path, body := range map[string]string{
		"/v1/chat/completions": `{"model":"agent/guide","messages":[{"role":"user","content":"hello"}]}`,
		"/v1/responses":        `{"model":"agent/guide","input":"hello"}`,
	} {
		w := post(t, s, path, body)
		var got struct {
			Error Fault `json:"error"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "10" || got.Error.Type != "rate_limit_error" || got.Error.Code == nil || *got.Error.Code != "server_out_of_memory" {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
	}
	if got := there.requests(); strings.Contains(got, "POST") {
		t.Errorf("a query was made: %s", got)
	}
}

// The engine in this process gets the new Query at once, and the stream ends with the Query,
// without further API requests. A Query in the stream is ignored if it is a different Query or has
// not ended.
func TestEndInTheStream(t *testing.T) {
	for name, c := range map[string]struct {
		uid, phase string
		believed   bool
	}{
		"its own":          {"uid-1", "done", true},
		"another query":    {"uid-2", "done", false},
		"not at its end":   {"uid-1", "running", false},
		"an empty message": {"", "", false},
	} {
		broker := stream.New(stream.DefaultLimits, time.Now)
		s, there := talking(t, func(o *Options) {
			o.Broker = broker
			o.Offer = func(_ context.Context, q *v1alpha1.Query) {
				to, err := broker.Write(stream.Key{Namespace: q.Namespace, Query: q.Name}, string(q.UID))
				if err != nil {
					t.Error(err)
					return
				}
				for _, chunk := range []string{
					`{"choices":[{"index":0,"delta":{"content":"Hello."},"finish_reason":"stop"}],"ark":{"agent":"guide"}}`,
					`{"id":"chatcmpl-final","choices":[{"index":0,"delta":{}}],"ark":{"completedQuery":{"metadata":{"name":"` + q.Name + `","namespace":"default","uid":"` + c.uid +
						`"},"status":{"phase":"` + c.phase + `","response":{"content":"Hello."}}}}}`,
				} {
					if err := to.Append([]byte(chunk)); err != nil {
						t.Error(err)
					}
				}
				to.Close(nil)
				broker.End(stream.Key{Namespace: q.Namespace, Query: q.Name})
			}
		})
		w := post(t, s, "/v1/chat/completions", `{"model":"agent/guide","stream":true,"messages":[{"role":"user","content":"hello"}]}`)
		requests := there.requests()
		if believed := requests == "GET agents/guide, POST queries"; believed != c.believed {
			t.Errorf("%s: %s: %s", name, requests, w.Body)
		}
		if got := w.Body.String(); c.believed && (!strings.Contains(got, `"content":"Hello."`) || !strings.HasSuffix(got, "data: [DONE]\n\n")) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
