package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	exact "k8s.io/apimachinery/pkg/util/json"
)

// event is one line of a watch.
type event struct {
	Type   string
	Object map[string]any
}

func (e event) object() object { return &unstructured.Unstructured{Object: e.Object} }

func (e event) version() string { return e.object().GetResourceVersion() }

func (e event) String() string {
	o := e.object()
	if e.Type == "ERROR" {
		return fmt.Sprintf("ERROR %v", e.Object)
	}
	return e.Type + " " + o.GetName() + "@" + o.GetResourceVersion()
}

// stream is a watch under way.
type stream struct {
	events chan event
	cancel context.CancelFunc
	// err is why the stream ended, nil for an orderly end; to be read when events is closed.
	err error
}

// watch starts one; path is that of a collection with its parameters, to which watch=true is added.
func (s *server) watch(t *testing.T, path string) *stream {
	t.Helper()
	return s.watchWith(t, request{path: path})
}

func (s *server) watchWith(t *testing.T, r request) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	response := s.openWatch(t, ctx, r)
	w := &stream{events: make(chan event, 10000), cancel: cancel}
	go func() {
		defer close(w.events)
		latest, err := w.read(response)
		for err == io.EOF && s.system.restarts && ctx.Err() == nil {
			s.resumed.Add(1)
			r = resumed(r, latest)
			if response, err = s.send(ctx, r); err != nil {
				break
			}
			if response.StatusCode != http.StatusOK {
				response.Body.Close()
				err = fmt.Errorf("resume %s: %s", r.path, response.Status)
				break
			}
			latest, err = w.read(response)
		}
		if err != io.EOF {
			w.err = err
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range w.events { // Until the reader has ended.
		}
	})
	return w
}

// read passes the events of one response on, until it ends. It returns the latest resourceVersion,
// "" if there was none.
func (w *stream) read(response *http.Response) (latest string, err error) {
	defer response.Body.Close()
	decoder := json.NewDecoder(response.Body)
	for {
		e, err := readEvent(decoder)
		if err != nil {
			return latest, err
		}
		latest = e.version()
		w.events <- e
	}
}

// resumed returns the request that resumes a watch where it ended, or starts it again if it had no
// events.
func resumed(r request, from string) request {
	path, query, _ := strings.Cut(r.path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		panic(err) // the queries are made from values
	}
	values.Set("watch", "true")
	if from != "" {
		values.Set("resourceVersion", from)
	}
	r.method, r.path = "GET", path+"?"+values.Encode()
	return r
}

// readEvent returns the next event of a watch, and io.EOF at its orderly end.
func readEvent(decoder *json.Decoder) (event, error) {
	var raw struct {
		Type   string
		Object json.RawMessage
	}
	if err := decoder.Decode(&raw); err != nil {
		return event{}, err
	}
	e := event{Type: raw.Type}
	return e, exact.Unmarshal(raw.Object, &e.Object)
}

// openWatch starts a watch whose reader is the caller.
func (s *server) openWatch(t *testing.T, ctx context.Context, r request) *http.Response {
	t.Helper()
	separator := "?"
	if strings.Contains(r.path, "?") {
		separator = "&"
	}
	r.method, r.path = "GET", r.path+separator+"watch=true"
	response, err := s.send(ctx, r)
	if err != nil {
		t.Fatalf("watch %s: %v", r.path, err)
	}
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(response.Body) // Whatever there is of it explains the code.
		response.Body.Close()
		t.Fatalf("watch %s: %d: %s", r.path, response.StatusCode, excerpt(body))
	}
	return response
}

// next waits for an event.
func (w *stream) next(t *testing.T) event {
	t.Helper()
	select {
	case e, open := <-w.events:
		if !open {
			t.Fatalf("the watch ended: %v", w.err)
		}
		return e
	case <-time.After(patience):
		t.Fatal("no event came")
	}
	return event{}
}

// expect waits for an event other than a bookmark, which may come at any time, and compares its
// type, name and resourceVersion with those of an object.
func (w *stream) expect(t *testing.T, kind string, o object) event {
	t.Helper()
	e := w.next(t)
	for e.Type == "BOOKMARK" {
		e = w.next(t)
	}
	if e.Type != kind || e.object().GetName() != o.GetName() || e.version() != o.GetResourceVersion() {
		t.Errorf("event %s, want %s %s@%s", e, kind, o.GetName(), o.GetResourceVersion())
	}
	return e
}

// rest waits for the end of the stream and returns what came until then.
func (w *stream) rest(t *testing.T) []event {
	t.Helper()
	var all []event
	timeout := time.After(patience)
	for {
		select {
		case e, open := <-w.events:
			if !open {
				return all
			}
			all = append(all, e)
		case <-timeout:
			t.Fatalf("the watch did not end; %d events came", len(all))
		}
	}
}

// asNumber reads a resourceVersion, which clients may compare as numbers.
func asNumber(t *testing.T, version string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		t.Fatalf("the resourceVersion %q is no number: %v", version, err)
	}
	return n
}

// version is the resourceVersion of a list's answer.
func (a answer) version(t *testing.T) string {
	t.Helper()
	version := a.want(t, 200).object(t).GetResourceVersion()
	asNumber(t, version)
	return version
}
