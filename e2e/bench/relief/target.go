package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/h2client"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	crdsName = "CRDs"
	arkName  = "ark-server"

	namespace   = "bench-life"
	connections = 8
	size        = 1 << 10
)

// target is a cluster that serves the Ark kinds in one way or the other.
type target struct {
	name, dir string
	cluster   *component.Cluster
	ark       *component.AggregatedArk
	closeDB   func() error
	conns     []*h2client.Conn
	etcd      *etcdWatch
	rounds    []outcome
}

// outcome is one round.
type outcome struct {
	took    time.Duration
	sample  measure.Sample
	counted counters
	written map[string]int // by resource
}

func (t *target) open(ctx context.Context, o options, kinds func(context.Context, *target, options) error) error {
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	var err error
	if t.cluster, err = component.StartCluster(ctx, component.ClusterOptions{Dir: t.dir, EndpointRouting: true}); err != nil {
		return err
	}
	if err := kinds(ctx, t, o); err != nil {
		return err
	}
	for range connections {
		conn, err := h2client.Dial(ctx, t.cluster.Config)
		if err != nil {
			return err
		}
		t.conns = append(t.conns, conn)
	}
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

func openCRDs(ctx context.Context, t *target, _ options) error {
	return component.InstallCRDs(ctx, t.cluster.Config)
}

func openArk(ctx context.Context, t *target, o options) error {
	hosting, err := component.Host(ctx, t.cluster, t.dir)
	if err != nil {
		return err
	}
	port, err := component.FreePort()
	if err != nil {
		return err
	}
	options := component.ArkOptions{Dir: filepath.Join(t.dir, "ark"), Port: port, Args: []string{"--shutdown-delay-duration=0"}}
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

// round takes the queries through their lives and notes down what that cost.
func (t *target) round(ctx context.Context, o options, round int) error {
	lives := make([]*query.Life, o.clients)
	for c := range lives {
		lives[c] = query.NewLife(t.conns[c%connections], namespace, size, size)
	}
	each := (o.lives + o.clients - 1) / o.clients
	before, err := t.counters(ctx)
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
	after, err := t.counters(ctx)
	if err != nil {
		return err
	}
	written, err := t.etcd.written(ctx)
	if err != nil {
		return err
	}
	t.rounds = append(t.rounds, outcome{took: took, sample: sample, counted: after.minus(before), written: written})
	return nil
}

func (t *target) stop() {
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
