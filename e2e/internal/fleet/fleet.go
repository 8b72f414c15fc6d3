// Package fleet runs several ark-servers on one database, with writers on all replicas that serve.
package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/journal"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	// writers is the number of writers that Write starts.
	writers = 6
	// patience is the time limit for the start of a server.
	patience = 2 * time.Minute
)

// Fleet is a set of replicas of ark-server. The test that starts it stops it. Writers may call Any
// while a replica is replaced.
type Fleet struct {
	options []component.ArkOptions
	servers []*component.ArkServer

	mu      sync.Mutex
	clients []*rest.RESTClient // nil if the replica is stopped
}

// New returns a fleet with a replica for each of the options, and starts none.
func New(options ...component.ArkOptions) *Fleet {
	return &Fleet{options: options, servers: make([]*component.ArkServer, len(options)), clients: make([]*rest.RESTClient, len(options))}
}

// On returns a fleet of n replicas with a separate folder each and the same keys. They store their
// data in the storage that the flags name.
func On(t testing.TB, n int, flags []string) *Fleet {
	t.Helper()
	options, keys := make([]component.ArkOptions, n), t.TempDir()
	for i := range options {
		options[i] = component.ArkOptions{Dir: t.TempDir(), Keys: keys, Storage: flags}
	}
	return New(options...)
}

// Start starts every replica, and creates the namespaces.
func (f *Fleet) Start(t testing.TB, namespaces ...string) {
	t.Helper()
	for i := range f.options {
		f.start(t, i)
	}
	for _, name := range namespaces {
		if err := query.EnsureNamespace(t.Context(), f.Client(0), name); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *Fleet) start(t testing.TB, i int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := component.StartArk(ctx, f.options[i])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	client, err := component.RawClient(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	f.servers[i] = s
	f.use(i, client)
}

// Stop stops every replica that runs.
func (f *Fleet) Stop(t testing.TB) {
	t.Helper()
	for i := range f.servers {
		f.stop(t, i)
	}
}

func (f *Fleet) stop(t testing.TB, i int) {
	t.Helper()
	if f.servers[i] == nil {
		return
	}
	f.use(i, nil)
	if err := f.servers[i].Stop(); err != nil {
		t.Fatal(err)
	}
	f.servers[i] = nil
}

// Replace stops a replica, if it runs, and starts it again with the command that wrap returns.
func (f *Fleet) Replace(t testing.TB, i int, wrap func(component.Command) component.Command) {
	t.Helper()
	if s := f.servers[i]; s != nil {
		f.stop(t, i)
		if code := s.ExitCode(); code != 0 {
			t.Errorf("replica %d ended with %d: %s", i, code, s.Stderr())
		}
	}
	f.options[i].Wrap = wrap
	f.start(t, i)
}

// Kill ends a replica at once, as a crash does.
func (f *Fleet) Kill(i int) {
	f.use(i, nil)
	f.servers[i].Kill()
	f.servers[i] = nil
}

// Restart starts a replica that was killed or stopped.
func (f *Fleet) Restart(t testing.TB, i int) {
	t.Helper()
	f.start(t, i)
}

// Move makes the replicas use another database from their next start on.
func (f *Fleet) Move(flags []string) {
	for i := range f.options {
		f.options[i].Storage = flags
	}
}

// Options returns the options of a replica.
func (f *Fleet) Options(i int) component.ArkOptions { return f.options[i] }

// Server returns a replica that runs, or nil.
func (f *Fleet) Server(i int) *component.ArkServer { return f.servers[i] }

// Client returns a client of a replica, or nil if it is stopped.
func (f *Fleet) Client(i int) *rest.RESTClient {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clients[i]
}

// Clients returns the clients of all replicas, which must be running.
func (f *Fleet) Clients() []*rest.RESTClient {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*rest.RESTClient(nil), f.clients...)
}

// use sets the client of a replica. nil means that the replica is out of service, like a stopping
// pod of a Service.
func (f *Fleet) use(i int, client *rest.RESTClient) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clients[i] = client
}

// Any returns a client of a running replica. It waits while none runs.
func (f *Fleet) Any() *rest.RESTClient {
	for {
		if c := f.Client(rand.IntN(len(f.options))); c != nil {
			return c
		}
		time.Sleep(time.Millisecond)
	}
}

// Write starts writers, whose objects have the prefix name, until stop is called. stop waits for
// them.
func (f *Fleet) Write(t testing.TB, j *journal.Journal, name string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error { return j.Write(ctx, fmt.Sprintf("%s-%d", name, w), f.Any) })
	}
	return func() {
		t.Helper()
		cancel()
		if err := g.Wait(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// Check fails a test unless each replica has exactly the objects of the journal.
func (f *Fleet) Check(t testing.TB, j *journal.Journal, when string) {
	t.Helper()
	for i, c := range f.Clients() {
		j.Check(t, c, fmt.Sprintf("%s, replica %d", when, i))
	}
	t.Logf("%s: %d writes were acknowledged, %d attempts were not", when, j.Writes, j.Refused)
}
