package upgrade

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/journal"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	writers  = 6
	replicas = 2
	// pause is how long the writers are left to a set of replicas before the next one is replaced.
	pause = 2 * time.Second
)

var servers engine.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// before makes a command that of the release before.
func before(t *testing.T) func(component.Command) component.Command {
	t.Helper()
	if err := component.BuildBinaries("ark-server-before"); err != nil {
		t.Fatal(err)
	}
	path, err := component.Binary("ark-server-before")
	if err != nil {
		t.Fatal(err)
	}
	return func(c component.Command) component.Command {
		c.Path = path
		return c
	}
}

// fleet is some replicas on one database, and their clients.
type fleet struct {
	options [replicas]component.ArkOptions
	servers [replicas]*component.ArkServer

	mu sync.Mutex
	at [replicas]*rest.RESTClient
}

// replace stops a replica, where there is one, and starts it anew: wrap says of which release.
func (f *fleet) replace(t *testing.T, i int, wrap func(component.Command) component.Command) {
	t.Helper()
	if s := f.servers[i]; s != nil {
		f.use(i, nil)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if code := s.ExitCode(); code != 0 {
			t.Errorf("replica %d ended with %d: %s", i, code, s.Stderr())
		}
	}
	f.options[i].Wrap = wrap
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
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

// use makes a client the one of a replica; none says that it is away, as a Service does with a pod that stops.
func (f *fleet) use(i int, client *rest.RESTClient) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at[i] = client
}

// any is a client of a replica that is there.
func (f *fleet) any() *rest.RESTClient {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if c := f.at[rand.IntN(replicas)]; c != nil {
			return c
		}
	}
}

// TestRolling: replicas of the release before are replaced one by one, and then those of this release by the one before again,
// under writers. Both releases work beside each other; nothing acknowledged is missing or older.
func TestRolling(t *testing.T) {
	old := before(t)
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			f := &fleet{}
			flags := servers.New(t, storage).Flags()
			for i := range f.options {
				f.options[i] = component.ArkOptions{Dir: t.TempDir(), Storage: flags}
				f.replace(t, i, old)
			}
			if err := query.EnsureNamespace(t.Context(), f.any(), journal.Namespace); err != nil {
				t.Fatal(err)
			}
			j := journal.New()
			for _, round := range []struct {
				name string
				wrap func(component.Command) component.Command
			}{{"to this release", nil}, {"back", old}, {"to this release again", nil}} {
				ctx, stop := context.WithCancel(t.Context())
				var g errgroup.Group
				for w := range writers {
					g.Go(func() error {
						return j.Write(ctx, fmt.Sprintf("%s-%d", strings.ReplaceAll(round.name, " ", "-"), w), f.any)
					})
				}
				for i := range f.servers {
					time.Sleep(pause)
					f.replace(t, i, round.wrap)
				}
				time.Sleep(pause)
				stop()
				if err := g.Wait(); err != nil {
					t.Fatalf("%s: %v", round.name, err)
				}
				for i := range f.servers {
					j.Check(t, f.at[i], fmt.Sprintf("%s, replica %d", round.name, i))
				}
				t.Logf("%s: %d writes were acknowledged, %d attempts were not", round.name, j.Writes, j.Refused)
			}
		})
	}
}

// TestSQLite: the file of the release before is taken over with all its objects. The release before refuses the file then, says
// which release to run, and harms nothing.
func TestSQLite(t *testing.T) {
	old := before(t)
	options := component.ArkOptions{Dir: t.TempDir(), Wrap: old}
	start := func() (*component.ArkServer, *rest.RESTClient) {
		t.Helper()
		s, err := component.StartArk(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Kill)
		client, err := component.RawClient(s.Config)
		if err != nil {
			t.Fatal(err)
		}
		return s, client
	}
	j := journal.New()
	run := func(name string, s *component.ArkServer, client *rest.RESTClient) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), pause)
		defer stop()
		var g errgroup.Group
		for w := range writers {
			g.Go(func() error {
				return j.Write(ctx, fmt.Sprintf("%s-%d", name, w), func() *rest.RESTClient { return client })
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		j.Check(t, client, name)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	s, client := start()
	if err := query.EnsureNamespace(t.Context(), client, journal.Namespace); err != nil {
		t.Fatal(err)
	}
	run("before", s, client)

	options.Wrap = nil
	s, client = start()
	j.Check(t, client, "after the upgrade")
	run("after", s, client)

	options.Wrap = old
	command, err := options.Command()
	if err != nil {
		t.Fatal(err)
	}
	p, err := component.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		p.Kill()
		t.Fatal("the release before serves the file of this one")
	}
	if p.ExitCode() == 0 || !strings.Contains(p.Stderr(), "newer ark-server wrote it") {
		t.Errorf("the release before ended with %d: %s", p.ExitCode(), p.Stderr())
	}

	options.Wrap = nil
	s, client = start()
	j.Check(t, client, "after the release before has been tried")
	run("at-last", s, client)
}
