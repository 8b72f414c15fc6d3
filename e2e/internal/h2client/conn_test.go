package h2client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// serve starts a server of Go's HTTP/2 and connects to it.
func serve(t *testing.T, handler http.HandlerFunc) (*httptest.Server, *Conn) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	conn, err := Dial(t.Context(), &rest.Config{Host: server.URL, BearerToken: "secret", TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return server, conn
}

// Each of many concurrent requests gets the answer to itself, whatever the sizes: bodies larger
// than the server's window for a stream wait for room, and together they exceed the connection's
// many times over.
func TestConcurrentRequests(t *testing.T) {
	_, conn := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "HTTP/2.0" || r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%s %s %s ", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	})
	bodies := [][]byte{nil, []byte("{}"), make([]byte, 20_000), make([]byte, 3<<20)}
	for _, b := range bodies {
		_, _ = rand.Read(b)
	}
	var wg sync.WaitGroup
	for c := range 40 {
		wg.Go(func() {
			for i := range 25 {
				body := bodies[(c+i)%len(bodies)]
				if len(body) > 1<<20 && i > 8 {
					body = nil
				}
				path, contentType := fmt.Sprintf("/%d/%d", c, i), "application/json"
				want := "PUT " + path + " application/json "
				if body == nil {
					want = "PUT " + path + "  "
				}
				got, err := conn.Send(t.Context(), http.MethodPut, path, contentType, body)
				if err != nil || !bytes.Equal(got, append([]byte(want), body...)) {
					t.Errorf("%s with %d bytes: got %d bytes, %v", path, len(body), len(got), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestStatusAndAnswerOfARefusal(t *testing.T) {
	_, conn := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, "the object has been modified")
	})
	got, err := conn.Send(t.Context(), http.MethodPut, "/", "application/json", []byte("{}"))
	if err == nil || !strings.Contains(err.Error(), "409") || string(got) != "the object has been modified" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A handler that gives up ends its own request only; a server that goes away ends all.
func TestBrokenStreamAndConnection(t *testing.T) {
	server, conn := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/wait":
			<-r.Context().Done()
		}
	})
	if _, err := conn.Send(t.Context(), http.MethodGet, "/abort", "", nil); err == nil {
		t.Error("an aborted request succeeded")
	}
	if _, err := conn.Send(t.Context(), http.MethodGet, "/", "", nil); err != nil {
		t.Errorf("the request after it: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := conn.Send(short, http.MethodGet, "/wait", "", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("past its deadline: %v", err)
	}
	server.CloseClientConnections()
	if _, err := conn.Send(t.Context(), http.MethodGet, "/wait", "", nil); err == nil {
		t.Error("a request on a closed connection succeeded")
	}
}
