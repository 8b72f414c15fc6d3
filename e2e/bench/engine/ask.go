package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/h2client"
)

// seen holds the fields of a query that the benchmark reads from the watch.
type seen struct {
	Metadata struct {
		Name            string `json:"name"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Spec struct {
		Input string `json:"input"`
	} `json:"spec"`
	Status struct {
		Phase    string `json:"phase"`
		Response struct {
			Content string `json:"content"`
		} `json:"response"`
	} `json:"status"`
}

// answers holds the queries whose answers are pending. It is safe for concurrent use.
type answers struct {
	mu      sync.Mutex
	waiting map[string]*waiter
	failed  error // of the watch
}

type waiter struct {
	phases []string
	end    chan seen
}

func newAnswers() *answers { return &answers{waiting: map[string]*waiter{}} }

// follow watches until the context ends. The server closes watches that are too slow. The next
// watch continues at the revision of the last event.
func (a *answers) follow(ctx context.Context, watch func(revision string) (io.ReadCloser, error), revision string, acts *controller) {
	for ctx.Err() == nil {
		stream, err := watch(revision)
		if err == nil {
			revision, err = a.read(ctx, stream, revision, acts)
		}
		if err != nil {
			a.fail(fmt.Errorf("watch the queries: %w", err))
			return
		}
	}
}

// read reads one watch, and returns the revision of the last event.
func (a *answers) read(ctx context.Context, stream io.ReadCloser, revision string, acts *controller) (string, error) {
	defer stream.Close()
	decoder := json.NewDecoder(stream)
	for {
		var event struct {
			Type   string `json:"type"`
			Object seen   `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			return revision, nil // the watch has ended
		}
		if event.Type != "ADDED" && event.Type != "MODIFIED" {
			return revision, fmt.Errorf("it says %s", event.Type)
		}
		revision = event.Object.Metadata.ResourceVersion
		if acts != nil && event.Type == "ADDED" {
			acts.begin(ctx, event.Object)
		}
		a.observe(event.Object)
	}
}

func (a *answers) observe(q seen) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[q.Metadata.Name]
	if w == nil {
		return
	}
	if phase := q.Status.Phase; phase != "" && (len(w.phases) == 0 || w.phases[len(w.phases)-1] != phase) {
		w.phases = append(w.phases, phase)
	}
	switch q.Status.Phase {
	case "done", "error", "canceled":
		delete(a.waiting, q.Metadata.Name)
		w.end <- q
	}
}

func (a *answers) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = err
	for name, w := range a.waiting {
		delete(a.waiting, name)
		close(w.end)
	}
}

// expect registers a query whose answer is pending.
func (a *answers) expect(name string) (*waiter, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed != nil {
		return nil, a.failed
	}
	w := &waiter{end: make(chan seen, 1)}
	a.waiting[name] = w
	return w, nil
}

// ask creates a query and waits for its answer.
func ask(ctx context.Context, conn *h2client.Conn, a *answers, name string) error {
	w, err := a.expect(name)
	if err != nil {
		return err
	}
	nonce := rand.Text()
	body := `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"namespace":"` + namespace + `","name":"` + name +
		`"},"spec":{"input":"` + nonce + `","type":"user","target":{"type":"agent","name":"plain"}}}`
	if answer, err := conn.Send(ctx, http.MethodPost, base+"queries", jsonType, []byte(body)); err != nil {
		return fmt.Errorf("create a query: %w: %.300s", err, answer)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case q, ok := <-w.end:
		if !ok {
			_, err := a.expect(name)
			return err
		}
		if q.Status.Phase != "done" || q.Status.Response.Content != "The answer to "+nonce {
			return fmt.Errorf("the query %s ended as %s with %q", name, q.Status.Phase, q.Status.Response.Content)
		}
		phases := slices.DeleteFunc(slices.Clone(w.phases), func(p string) bool { return p == "queued" })
		if !slices.Equal(phases, []string{"pending", "running", "done"}) && !slices.Equal(phases, []string{"running", "done"}) {
			return fmt.Errorf("the query %s went through the phases %v", name, w.phases)
		}
		return nil
	case <-late.C:
		return fmt.Errorf("the query %s has no answer after %s: its phases so far: %v", name, patience, w.phases)
	case <-ctx.Done():
		return ctx.Err()
	}
}
