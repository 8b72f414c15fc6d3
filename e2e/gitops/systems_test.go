package gitops

import (
	"context"
	"flag"
	"io"
	"log"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// patience bounds every wait for something that must happen; no test passes or fails by being
// faster.
const patience = 3 * time.Minute

var chosen = flag.String("systems", "", "where to run, of those of e2e/contract: sqlite, postgresql, mysql, aggregated, aggregated-postgresql, aggregated-mysql, crds; all without")

// system is one way to serve the Ark kinds; start returns the admin's way to it.
type system struct {
	name  string
	start func(t *testing.T) *rest.Config
}

// systems have the names of the columns in e2e/contract, which reads them here for C41.
var systems = []system{
	{"sqlite", standalone(engine.SQLite)},
	{"postgresql", standalone(engine.PostgreSQL)},
	{"mysql", standalone(engine.MySQL)},
	{"aggregated", aggregated(engine.SQLite)},
	{"aggregated-postgresql", aggregated(engine.PostgreSQL)},
	{"aggregated-mysql", aggregated(engine.MySQL)},
	{"crds", startCRDs},
}

// onEach runs a test on the systems that were asked for.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	for _, y := range systems {
		if *chosen == "" || slices.Contains(strings.Split(*chosen, ","), y.name) {
			t.Run(y.name, func(t *testing.T) { test(t, newWorld(t, y.start(t))) })
		}
	}
}

// place is where a server keeps its data, on a database server of its own.
func place(t *testing.T, storage string) (dir string, flags []string) {
	t.Helper()
	dir = t.TempDir()
	if storage == engine.SQLite {
		return dir, nil
	}
	p, stop, err := engine.Serve(t.Context(), storage, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return dir, p.Flags()
}

func build(t *testing.T, names ...string) {
	t.Helper()
	if err := component.BuildBinaries(names...); err != nil {
		t.Fatal(err)
	}
}

func standalone(storage string) func(*testing.T) *rest.Config {
	return func(t *testing.T) *rest.Config {
		t.Helper()
		dir, flags := place(t, storage)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		server, err := component.StartArk(ctx, component.ArkOptions{Dir: dir, Storage: flags})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.Stop(); err != nil {
				t.Error(err)
			}
		})
		return server.Config
	}
}

func startCluster(t *testing.T, options component.ClusterOptions) *component.Cluster {
	t.Helper()
	build(t, "etcd", "kubectl", "kube-apiserver", "kube-controller-manager")
	options.Dir = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := component.StartCluster(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func startCRDs(t *testing.T) *rest.Config {
	t.Helper()
	c := startCluster(t, component.ClusterOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := component.InstallCRDs(ctx, c.Config); err != nil {
		t.Fatal(err)
	}
	return c.Config
}

func aggregated(storage string) func(*testing.T) *rest.Config {
	return func(t *testing.T) *rest.Config {
		t.Helper()
		dir, flags := place(t, storage)
		c := startCluster(t, component.ClusterOptions{EndpointRouting: true})
		build(t, "helm")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		hosting, err := component.Host(ctx, c, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := hosting.Register(ctx); err != nil {
			t.Fatal(err)
		}
		port, err := component.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		options := hosting.Options(component.ArkOptions{Dir: dir, Storage: flags, Port: port, Args: []string{"--shutdown-delay-duration=0"}})
		ark, err := component.StartAggregatedArk(ctx, options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := ark.Stop(); err != nil {
				t.Error(err)
			}
		})
		if err := hosting.SetReady(ctx, port, true); err != nil {
			t.Fatal(err)
		}
		if err := hosting.WaitServed(ctx); err != nil {
			t.Fatal(err)
		}
		return c.Config
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	for name := range strings.SplitSeq(*chosen, ",") {
		if *chosen != "" && !slices.ContainsFunc(systems, func(y system) bool { return y.name == name }) {
			log.Fatalf("-systems=%s: there is no system %q", *chosen, name)
		}
	}
	// The engines log much that the tests check by its effects.
	log.SetOutput(io.Discard)
	ctrllog.SetLogger(logr.Discard())
	m.Run()
}
