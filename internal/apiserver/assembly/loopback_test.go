package assembly

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestLoopback: when the server begins to stop, its own clients' requests end, whether they wait for an answer or read one, and new
// ones fail at once.
func TestLoopback(t *testing.T) {
	reached := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/watch" {
			w.(http.Flusher).Flush()
		}
		if r.URL.Path != "/get" {
			reached <- struct{}{}
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	stopping := make(chan struct{})
	client := &http.Client{Transport: loopback{next: http.DefaultTransport, stopping: stopping}}
	get := func(path string) error {
		answer, err := client.Get(server.URL + path)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return errors.Join(err, answer.Body.Close())
	}
	if err := get("/get"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	for _, path := range []string{"/wait", "/watch"} {
		go func() { ended <- get(path) }()
		<-reached
	}
	close(stopping)
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	}
	if err := get("/get"); !errors.Is(err, errStopping) {
		t.Errorf("a new request: %v", err)
	}
}
