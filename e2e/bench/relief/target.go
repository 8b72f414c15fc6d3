package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/h2client"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	crdsName   = "CRDs"
	arkName    = "aggregated"
	directName = "direct"

	namespace   = "bench-life"
	connections = 8
	size        = 1 << 10
)

// target is one way to the Ark kinds.
type target struct {
	name, dir string
	// other is the way whose cluster and ark-server this one uses too, or nil if this one has a
	// separate cluster.
	other   *target
	cluster *component.Cluster
	hosting *component.Hosting
	ark     *component.AggregatedArk
	closeDB func() error
	user    *rest.Config
	conns   []*h2client.Conn
	etcd    *etcdWatch
	rounds  []outcome
}

// outcome is one round.
type outcome struct {
	took    time.Duration
	sample  measure.Sample
	counted counters
	cpu     map[string]time.Duration // by process
	written map[string]int           // by resource
}

func (t *target) open(ctx context.Context, o options) error {
	if t.other != nil {
		return t.openDirect(ctx)
	}
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	var err error
	if t.cluster, err = component.StartCluster(ctx, component.ClusterOptions{Dir: t.dir, EndpointRouting: true}); err != nil {
		return err
	}
	kinds := openCRDs
	if t.name != crdsName {
		kinds = openArk
	}
	if err := kinds(ctx, t, o); err != nil {
		return err
	}
	t.user = t.cluster.Config
	client, err := component.RawClient(t.cluster.Config)
	if err != nil {
		return err
	}
	if err := query.EnsureNamespace(ctx, client, namespace); err != nil {
		return err
	}
	t.etcd, err = watchEtcd(t.cluster.Etcd.URL)
	return err
}

// dial opens connections for a round: ark-server closes idle connections.
func (t *target) dial(ctx context.Context) error {
	t.conns = nil
	for range connections {
		conn, err := h2client.Dial(ctx, t.user)
		if err != nil {
			return err
		}
		t.conns = append(t.conns, conn)
	}
	return nil
}

// openDirect connects to the other's ark-server without its kube-apiserver, with a service
// account's token. It does not use a certificate: for the account of system:masters that the others
// use, a certificate would need no authorization request.
func (t *target) openDirect(ctx context.Context) error {
	t.cluster, t.ark, t.etcd = t.other.cluster, t.other.ark, t.other.etcd
	token, err := t.other.hosting.AdminToken(ctx)
	if err != nil {
		return err
	}
	t.user = rest.CopyConfig(t.ark.Direct)
	t.user.BearerToken = token
	return nil
}

func openCRDs(ctx context.Context, t *target, _ options) error {
	return component.InstallCRDs(ctx, t.cluster.Config)
}

func openArk(ctx context.Context, t *target, o options) error {
	hosting, err := component.Host(ctx, t.cluster, t.dir)
	if err != nil {
		return err
	}
	t.hosting = hosting
	port, err := component.FreePort()
	if err != nil {
		return err
	}
	options := component.ArkOptions{Dir: filepath.Join(t.dir, "ark"), Port: port, Args: append([]string{"--shutdown-delay-duration=0", "--direct"}, strings.Fields(o.args)...)}
	if err := os.MkdirAll(options.Dir, 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if o.storage != engine.SQLite {
		place, stop, err := engine.Serve(ctx, o.storage, t.dir)
		if err != nil {
			return err
		}
		t.closeDB, options.Storage = stop, place.Flags()
	}
	if t.ark, err = component.StartAggregatedArk(ctx, hosting.Options(options)); err != nil {
		return err
	}
	if err := hosting.Register(ctx); err != nil {
		return err
	}
	if err := hosting.SetReady(ctx, port, true); err != nil {
		return err
	}
	return hosting.WaitServed(ctx)
}

// round runs the life cycles of the queries and records their cost.
func (t *target) round(ctx context.Context, o options, round int) error {
	if err := t.dial(ctx); err != nil {
		return err
	}
	defer func() {
		for _, conn := range t.conns {
			_ = conn.Close() // the connection is no longer needed
		}
	}()
	lives := make([]*query.Life, o.clients)
	for c := range lives {
		lives[c] = query.NewLife(t.conns[c%connections], namespace, size, size)
	}
	each := (o.lives + o.clients - 1) / o.clients
	before, err := t.counters(ctx)
	if err != nil {
		return err
	}
	spent, err := t.processorTime()
	if err != nil {
		return err
	}
	t.etcd.reset()
	began := time.Now()
	sample := measure.RunCount(ctx, o.clients, each*query.Steps, func(ctx context.Context, c, i int) error {
		return lives[c].Step(ctx, i%query.Steps, fmt.Sprintf("query-%d-%d-%d", round, c, i/query.Steps))
	})
	took := time.Since(began)
	if sample.Failed > 0 {
		return fmt.Errorf("%s: %d writes failed, such as: %w", t.name, sample.Failed, sample.FirstError)
	}
	cpu, err := t.processorTime()
	if err != nil {
		return err
	}
	for name := range cpu {
		cpu[name] -= spent[name]
	}
	after, err := t.counters(ctx)
	if err != nil {
		return err
	}
	written, err := t.etcd.written(ctx)
	if err != nil {
		return err
	}
	t.rounds = append(t.rounds, outcome{took: took, sample: sample, counted: after.minus(before), cpu: cpu, written: written})
	return nil
}

// The processes whose time is counted.
const (
	apiserver = "kube-apiserver"
	etcd      = "etcd"
	arkServer = "ark-server"
)

// processorTime returns the processor time so far of each process of the way.
func (t *target) processorTime() (map[string]time.Duration, error) {
	processes := map[string]*component.Process{apiserver: t.cluster.API, etcd: t.cluster.Etcd.Process}
	if t.ark != nil {
		processes[arkServer] = t.ark.Process
	}
	spent := map[string]time.Duration{}
	for name, p := range processes {
		var err error
		if spent[name], err = p.CPU(); err != nil {
			return nil, err
		}
	}
	return spent, nil
}

func (t *target) stop() {
	if t.other != nil {
		return // the other way stops them
	}
	if t.etcd != nil {
		t.etcd.stop()
	}
	if t.ark != nil {
		warn(t.ark.Stop())
	}
	if t.closeDB != nil {
		warn(t.closeDB())
	}
	if t.cluster != nil {
		warn(t.cluster.Stop())
	}
}

func warn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}
