package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	exact "k8s.io/apimachinery/pkg/util/json" // keeps integers apart from floats, as accessors of objects need
	"k8s.io/client-go/rest"
)

// patience bounds every wait for something that must happen; no test passes or fails by being
// faster.
const patience = 2 * time.Minute

// object is any API object.
type object = *unstructured.Unstructured

// server is one running API server, with the admin's credentials.
type server struct {
	system *system
	config *rest.Config
	http   *http.Client
	// etcd is the address at which the server's storage serves the etcd protocol. Tests use it to
	// compact the storage and to read it below the API.
	etcd string
	// audits are the logs of audit events.
	audits []auditLog
	// kubeconfig is a file for kubectl.
	kubeconfig string
	// process is the handle of the API server.
	process process
	// database is the handle of the process that stores the data, or nil if it is the server itself.
	database process
	// link is the connection between the API server and that process; nil if there is none.
	link *link
	// behind, when set, is the API server itself, if requests pass through another server first. It is
	// used for its own health and metrics.
	behind *server
	// reads, when set, is another replica that answers all GETs.
	reads *server
	// backup records the state of the data. restore restores it while the server is stopped.
	backup, restore func(t *testing.T)
	// replica starts a further API server on the same data; nil where there can be only one.
	replica func(t *testing.T) *server

	namespaces atomic.Int32
	// told and resumed count the requests that were repeated and the watches that were resumed.
	told, resumed atomic.Int32
}

// process is a process that a test may stop and start again at the same address.
type process interface {
	Kill()
	Start(t *testing.T)
}

// newServer makes the client for a server that is ready.
func newServer(t *testing.T, y *system, config *rest.Config) *server {
	t.Helper()
	s := &server{system: y, config: config}
	s.http = s.client(t)
	return s
}

// self returns the server for requests about the process itself, without the server in front.
func (s *server) self() *server {
	if s.behind != nil {
		return s.behind
	}
	return s
}

// client returns an HTTP client with the admin's credentials, on separate connections.
func (s *server) client(t *testing.T) *http.Client {
	t.Helper()
	c := rest.CopyConfig(s.config)
	// client-go shares connections between equal configurations; a separate dialer makes this one
	// unequal.
	c.Dial = (&net.Dialer{}).DialContext
	transport, err := rest.TransportFor(c)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: transport}
}

// request is one call; body may be nil, a string, bytes, or anything that encodes to JSON.
type request struct {
	method, path string
	body         any
	// contentType is application/json unless set.
	contentType string
	accept      string
	headers     map[string]string
	// client is the admin's unless set.
	client *http.Client
}

// answer is the response to a request.
type answer struct {
	request string
	code    int
	header  http.Header
	body    []byte
}

// do makes the call; only a broken connection fails the test.
func (s *server) do(t *testing.T, r request) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := s.try(ctx, r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return a
}

// try is do for calls that may fail, and for goroutines.
func (s *server) try(ctx context.Context, r request) (answer, error) {
	response, err := s.send(ctx, r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	a := answer{request: r.method + " " + r.path, code: response.StatusCode, header: response.Header, body: body}
	if s.system.engine {
		return s.afterEngine(ctx, r, a), nil
	}
	return a, nil
}

// send returns the response when it begins; the caller closes its body. If servers are restarted, a
// stopping server asks its clients to retry, and send does.
func (s *server) send(ctx context.Context, r request) (*http.Response, error) {
	for {
		response, err := s.sendOnce(ctx, r)
		if err != nil || !s.system.restarts || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
			return response, err
		}
		_ = response.Body.Close() // What it says is known.
		s.told.Add(1)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (s *server) sendOnce(ctx context.Context, r request) (*http.Response, error) {
	if s.reads != nil && r.method == "GET" {
		r.client = nil // It speaks to the other replica.
		return s.reads.send(ctx, r)
	}
	var body []byte
	switch content := r.body.(type) {
	case nil:
	case string:
		body = []byte(content)
	case []byte:
		body = content
	case object:
		text, err := json.Marshal(content.Object)
		if err != nil {
			return nil, fmt.Errorf("encode the body: %w", err)
		}
		body = text
	default:
		text, err := json.Marshal(content)
		if err != nil {
			return nil, fmt.Errorf("encode the body: %w", err)
		}
		body = text
	}
	request, err := http.NewRequestWithContext(ctx, r.method, strings.TrimSuffix(s.config.Host, "/")+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if r.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.contentType != "" {
		request.Header.Set("Content-Type", r.contentType)
	}
	request.Header.Set("Accept", "application/json")
	if r.accept != "" {
		request.Header.Set("Accept", r.accept)
	}
	for name, value := range r.headers {
		request.Header.Set(name, value)
	}
	client := r.client
	if client == nil {
		client = s.http
	}
	return client.Do(request)
}

func (s *server) get(t *testing.T, path string) answer {
	t.Helper()
	return s.do(t, request{method: "GET", path: path})
}

// want fails the test unless the answer has the code.
func (a answer) want(t *testing.T, code int) answer {
	t.Helper()
	if a.code != code {
		t.Fatalf("%s: %d, want %d: %s", a.request, a.code, code, excerpt(a.body))
	}
	return a
}

// object decodes the answer, which must be one.
func (a answer) object(t *testing.T) object {
	t.Helper()
	var o unstructured.Unstructured
	if err := exact.Unmarshal(a.body, &o.Object); err != nil {
		t.Fatalf("%s: the answer is no object: %v: %s", a.request, err, excerpt(a.body))
	}
	return &o
}

// items decodes the answer, which must be a list.
func (a answer) items(t *testing.T) []object {
	t.Helper()
	list, found := a.object(t).Object["items"].([]any)
	if !found {
		t.Fatalf("%s: the answer is no list: %s", a.request, excerpt(a.body))
	}
	items := make([]object, len(list))
	for i, content := range list {
		items[i] = &unstructured.Unstructured{Object: content.(map[string]any)}
	}
	return items
}

// refused fails the test unless the answer is a Status with the code and reason whose message has
// all the texts.
func (a answer) refused(t *testing.T, code int, reason metav1.StatusReason, texts ...string) metav1.Status {
	t.Helper()
	status := a.status(t)
	if a.code != code || status.Reason != reason {
		t.Errorf("%s: %d %s, want %d %s: %s", a.request, a.code, status.Reason, code, reason, excerpt(a.body))
		return status
	}
	for _, text := range texts {
		if !strings.Contains(status.Message, text) {
			t.Errorf("%s: no %q in the message %q", a.request, text, status.Message)
		}
	}
	return status
}

// status decodes the answer, which must be a Status that agrees with the HTTP code.
func (a answer) status(t *testing.T) metav1.Status {
	t.Helper()
	var status metav1.Status
	if err := json.Unmarshal(a.body, &status); err != nil || status.Kind != "Status" {
		t.Fatalf("%s: %d, and the answer is no Status: %s", a.request, a.code, excerpt(a.body))
	}
	if status.Status == metav1.StatusFailure && int(status.Code) != a.code {
		t.Errorf("%s: the HTTP code is %d, that of the Status %d", a.request, a.code, status.Code)
	}
	return status
}

func excerpt(body []byte) string {
	const most = 600
	if len(body) > most {
		return string(body[:most]) + "..."
	}
	return string(body)
}
