package replicas

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// cluster is a database with replicas on it, each behind a proxy of its own.
type cluster struct {
	t        *testing.T
	place    engine.Place
	server   *sqltest.Server
	replicas []*replica
}

var readyLine = regexp.MustCompile("ready")

type replica struct {
	name    string
	address string
	proxy   *component.Proxy
	process *component.Process
	env     string
}

func startCluster(t *testing.T, storage string, size int) *cluster {
	t.Helper()
	server, place := engine.Start(t, storage)
	return startReplicas(t, server, place, size)
}

func startReplicas(t *testing.T, server *sqltest.Server, place engine.Place, size int) *cluster {
	t.Helper()
	c := &cluster{t: t, place: place, server: server}
	for i := range size {
		c.add(fmt.Sprint("replica ", i))
	}
	// All of them find an empty database, and one of them creates the tables.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, r := range c.replicas {
		if _, err := r.process.WaitStdout(ctx, readyLine); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *cluster) add(name string) {
	c.t.Helper()
	port, err := component.FreePort()
	if err != nil {
		c.t.Fatal(err)
	}
	r := &replica{name: name, address: fmt.Sprintf("127.0.0.1:%d", port)}
	if r.proxy, err = component.StartProxy(fmt.Sprintf("%s:%d", c.place.Config.Host, c.place.Config.Port)); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(r.proxy.Close)
	place := c.place
	place.Config.Host, place.Config.Port, place.Config.Timeout = "127.0.0.1", r.proxy.Port(), 3*time.Second
	b, err := json.Marshal(orders{Place: place, Listen: r.address})
	if err != nil {
		c.t.Fatal(err)
	}
	r.env = childEnv + "=" + string(b)
	if err := r.start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		r.process.Signal(syscall.SIGCONT)
		if err := r.process.Stop(); err != nil {
			c.t.Errorf("stop %s: %v", r.name, err)
		}
		if c.t.Failed() {
			c.t.Logf("%s said:\n%s", r.name, r.process.Stderr())
		}
	})
	c.replicas = append(c.replicas, r)
}

func (r *replica) start() error {
	p, err := component.Start(component.Command{Path: os.Args[0], Name: r.name, Env: []string{r.env}})
	if err != nil {
		return err
	}
	r.process = p
	return nil
}

// kill ends the replica's process at once and starts another.
func (r *replica) kill() error {
	r.process.Kill()
	return r.start()
}

// client talks to this replica only.
func (r *replica) client(t *testing.T) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{
		Endpoints: []string{r.address}, Logger: zap.NewNop(),
		DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
		BackoffWaitBetween: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ready waits until the replica answers.
func ready(ctx context.Context, c *clientv3.Client) (int64, error) {
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		resp, err := c.Get(try, "ready")
		cancel()
		if err == nil {
			return resp.Header.Revision, nil
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
