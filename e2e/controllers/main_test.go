package controllers

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

var queriesFlag = flag.Int("queries", 500, "how many Queries the stand-in for Ark's controllers processes")

var heavy = flag.Bool("heavy", false, "also delete without a kill in the middle, and the engine without kube-apiserver")

// kills returns, for each run of a test, whether the server is killed in the middle.
func kills() []bool {
	if *heavy {
		return []bool{false, true}
	}
	return []bool{true}
}

// patience is the time limit for everything a test waits for, except the queries.
const patience = 3 * time.Minute

// TestMain makes the test binary play a manager when it was started as one.
func TestMain(m *testing.M) {
	if os.Getenv(managerEnv) != "" {
		if err := runManager(); err != nil {
			fmt.Fprintln(os.Stderr, "manager:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// cluster is a server on SQLite, with clients of a kind that every user can have.
type cluster struct {
	*component.ArkServer
	options component.ArkOptions
	core    kubernetes.Interface
	objects dynamic.Interface
}

// start starts a server with additional flags.
func start(t *testing.T, args ...string) *cluster {
	t.Helper()
	port, err := component.FreePort() // the same after a restart
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{options: component.ArkOptions{Dir: t.TempDir(), Port: port, Args: append([]string{"--engine=external"}, args...)}}
	c.restart(t)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", c.Stderr())
		}
	})
	return c
}

// restart starts the server, after a kill too.
func (c *cluster) restart(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	if c.ArkServer, err = component.StartArk(ctx, c.options); err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(c.Config)
	config.QPS = -1
	if c.core, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	if c.objects, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until do returns nil.
func eventually(t *testing.T, within time.Duration, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
