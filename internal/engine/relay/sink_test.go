package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/stream"
)

// queries returns the same Query for every name.
type queries struct{}

func (queries) Find(context.Context, string, string) (string, bool, error)       { return "uid", false, nil }
func (queries) MayRead(http.ResponseWriter, *http.Request, string, string) bool  { return true }
func (queries) MayWrite(http.ResponseWriter, *http.Request, string, string) bool { return true }

// world is a real broker behind HTTP, and a sink that sends to it.
type world struct {
	broker *stream.Broker
	sink   *Sink
	query  *v1alpha1.Query
}

// serve serves HTTP/2 over TLS, as an API server does.
func serve(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		broker: stream.New(stream.Limits{PerStream: 1 << 20, Total: 1 << 22, Streams: 10, Keep: time.Minute}, time.Now),
		query:  &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "q", UID: "uid"}},
	}
	h := stream.Handler{Broker: w.broker, Queries: queries{}}
	server := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		at, ok := stream.PlaceOf(r.URL.Path)
		if !ok {
			http.NotFound(rw, r)
			return
		}
		h.Serve(rw, r, at)
	})
	w.sink = NewSink(server.URL+"/", server.Client())
	return w
}

func chunk(n int) engine.Chunk { return engine.Chunk{Data: fmt.Appendf(nil, `{"n":%d}`, n)} }

// reader reads the stream from its beginning.
func (w *world) reader(t *testing.T) *stream.Reader {
	t.Helper()
	r, err := w.broker.Read(stream.Key{Namespace: "default", Query: "q"}, "uid", true)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// next waits for the next part of a stream.
func next(t *testing.T, r *stream.Reader) (texts []string, end *stream.End) {
	t.Helper()
	for {
		chunks, end, changed := r.Take()
		if len(chunks) > 0 || end != nil {
			for _, c := range chunks {
				texts = append(texts, string(c))
			}
			return texts, end
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatal("nothing comes")
		}
	}
}

func (w *world) wait(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.sink.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestChunksArriveOneByOne(t *testing.T) {
	w := newWorld(t)
	to, r := w.sink.Open(w.query), w.reader(t)
	for i := range 3 {
		to.Chunk(chunk(i))
		if texts, end := next(t, r); len(texts) != 1 || texts[0] != fmt.Sprintf(`{"n":%d}`, i) || end != nil {
			t.Fatalf("chunk %d: %q, end %v", i, texts, end)
		}
	}
	to.End(nil)
	if texts, end := next(t, r); len(texts) != 0 || end == nil || end.Err != nil {
		t.Errorf("the end: %q, %+v", texts, end)
	}
	w.wait(t)
}

func TestUnfinishedIsAnError(t *testing.T) {
	for name, why := range map[string]error{"stopped": context.Canceled, "lost": errors.New("somebody else has the query")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			to, r := w.sink.Open(w.query), w.reader(t)
			to.Chunk(chunk(1))
			next(t, r)
			to.End(why)
			if _, end := next(t, r); end == nil || !errors.Is(end.Err, stream.ErrWriterGone) {
				t.Errorf("the readers are told %+v", end)
			}
			w.wait(t)
		})
	}
}

func TestPausedIsComplete(t *testing.T) {
	w := newWorld(t)
	to, r := w.sink.Open(w.query), w.reader(t)
	to.Chunk(chunk(1))
	next(t, r)
	to.End(engine.ErrPaused)
	if _, end := next(t, r); end == nil || end.Err != nil {
		t.Errorf("the readers are told %+v", end)
	}
	w.wait(t)
}

// A broker that does not read costs a bounded amount of memory, and delays no run.
func TestSlowBroker(t *testing.T) {
	release := make(chan struct{})
	ended := make(chan error, 1)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		<-release
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	})
	sink := NewSink(server.URL, server.Client())
	to := sink.Open(&v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "q"}})
	large := engine.Chunk{Data: []byte(`{"text":"` + strings.Repeat("x", 64<<10) + `"}`)}
	for range 4 * maxBacklog / len(large.Data) {
		to.Chunk(large)
		if n := len(to.(*lines).waiting); n > maxBacklog {
			t.Fatalf("%d bytes wait", n)
		}
	}
	to.End(nil)
	close(release)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a stream with a gap has come to its end")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the stream goes on")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := sink.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// A broker that refuses a stream does not affect the run.
func TestRefused(t *testing.T) {
	server := serve(t, http.NotFound)
	sink := NewSink(server.URL, server.Client())
	to := sink.Open(&v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "q"}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := sink.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 * maxBacklog / 1024 {
		to.Chunk(engine.Chunk{Data: make([]byte, 1024)})
	}
	if n := len(to.(*lines).waiting); n != 0 {
		t.Errorf("%d bytes are kept for nobody", n)
	}
	to.End(nil)
}
