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
)

// patience bounds every wait for something that must happen; no test passes or fails by being faster.
const patience = 3 * time.Minute

var chosen = flag.String("systems", "standalone,aggregated,crds", "where to run, of standalone, aggregated and crds")

// systems start an API server with the Ark kinds, and return the admin's way to it.
var systems = map[string]func(t *testing.T) *rest.Config{
	"standalone": startStandalone,
	"aggregated": startAggregated,
	"crds":       startCRDs,
}

// onEach runs a test on the systems that were asked for.
func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	for name := range strings.SplitSeq(*chosen, ",") {
		start, known := systems[name]
		if !known {
			t.Fatalf("-systems=%s: there is no system %q", *chosen, name)
		}
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, start(t))) })
	}
}

func build(t *testing.T, names ...string) {
	t.Helper()
	if err := component.BuildBinaries(names...); err != nil {
		t.Fatal(err)
	}
}

func startStandalone(t *testing.T) *rest.Config {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := component.StartArk(ctx, component.ArkOptions{Dir: t.TempDir()})
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

func startAggregated(t *testing.T) *rest.Config {
	t.Helper()
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
	options := hosting.Options(component.ArkOptions{Dir: t.TempDir(), Port: port, Args: []string{"--shutdown-delay-duration=0"}})
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

func TestMain(m *testing.M) {
	flag.Parse()
	if slices.Contains(strings.Split(*chosen, ","), "") {
		log.Fatal("-systems must not be empty")
	}
	// The engines log much that the tests check by its effects.
	log.SetOutput(io.Discard)
	ctrllog.SetLogger(logr.Discard())
	m.Run()
}
