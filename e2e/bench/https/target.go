package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/h2client"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	inputSize   = 1 << 10
	answerSize  = 1 << 10
	connections = 8
	// lifeNamespace is the namespace of the queries that are created and deleted; listNamespace holds
	// the queries that are listed.
	lifeNamespace = "bench-life"
	listNamespace = "bench-list"

	arkName  = "ark-server"
	kubeName = "kube-apiserver"
)

// target is a server under measurement.
type target struct {
	name    string
	clients []*rest.RESTClient // with separate connections
	config  *rest.Config
	plain   *rest.RESTClient // asks for no compression
	pids    map[string]int   // processes whose CPU counts, by name
	objects int
	stop    func() error
}

// openAll starts the servers, ark-server first, and loads the objects to list. With an error it
// also returns the servers that it has opened.
func openAll(ctx context.Context, o options, dir string) ([]*target, error) {
	var targets []*target
	open := func(name string, start func(context.Context, string) (*target, *rest.Config, error)) error {
		own := filepath.Join(dir, name)
		if err := os.MkdirAll(own, 0o755); err != nil {
			return fmt.Errorf("make a folder for %s: %w", name, err)
		}
		starting, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		t, config, err := start(starting, own)
		if err != nil {
			return err
		}
		t.name, t.objects = name, o.objects
		targets = append(targets, t)
		began := time.Now()
		if err := t.connect(ctx, config); err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %s loaded with %d queries in %s\n", name, o.objects, time.Since(began).Round(time.Millisecond))
		return nil
	}
	err := open(arkName, func(ctx context.Context, dir string) (*target, *rest.Config, error) {
		place, stopDatabase, err := engine.Serve(ctx, o.storage, dir)
		if err != nil {
			return nil, nil, err
		}
		s, err := component.StartArk(ctx, component.ArkOptions{Dir: dir, Storage: place.Flags(), Args: o.args, Env: o.env})
		if err != nil {
			return nil, nil, errors.Join(err, stopDatabase())
		}
		stop := func() error { return errors.Join(s.Stop(), stopDatabase()) }
		return &target{stop: stop, pids: map[string]int{"server": s.PID()}}, s.Config, nil
	})
	if err != nil || o.peer == "none" {
		return targets, err
	}
	return targets, open(kubeName, func(ctx context.Context, dir string) (*target, *rest.Config, error) {
		s, err := component.StartKubeAPIServer(ctx, dir)
		if err != nil {
			return nil, nil, err
		}
		return &target{stop: s.Stop, pids: map[string]int{"server": s.PID(), "etcd": s.Etcd.PID()}}, s.Config, nil
	})
}

func (t *target) connect(ctx context.Context, config *rest.Config) error {
	for range connections {
		c, err := component.RawClient(config)
		if err != nil {
			return err
		}
		t.clients = append(t.clients, c)
	}
	t.config = config
	uncompressed := rest.CopyConfig(config)
	uncompressed.DisableCompression = true
	var err error
	if t.plain, err = component.RawClient(uncompressed); err != nil {
		return err
	}
	for _, ns := range []string{lifeNamespace, listNamespace} {
		if err := query.EnsureNamespace(ctx, t.clients[0], ns); err != nil {
			return err
		}
	}
	const loaders = 32
	spec := query.Spec(inputSize)
	s := measure.RunCount(ctx, loaders, (t.objects+loaders-1)/loaders, func(ctx context.Context, c, i int) error {
		n := i*loaders + c
		if n >= t.objects {
			return nil
		}
		return query.Create(ctx, t.client(c), listNamespace, fmt.Sprintf("query-%06d", n), spec)
	})
	return s.FirstError
}

// dial opens connections that cost the client little. Use them for one measurement only: a server
// closes connections that are idle for long.
func (t *target) dial(ctx context.Context) (conns []*h2client.Conn, closeAll func(), err error) {
	closeAll = func() {
		for _, c := range conns {
			_ = c.Close() // no request is in flight
		}
	}
	for range connections {
		c, err := h2client.Dial(ctx, t.config)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		conns = append(conns, c)
	}
	return conns, closeAll, nil
}

func (t *target) client(c int) *rest.RESTClient { return t.clients[c%len(t.clients)] }

// measure runs one case and adds the CPU that each process spent per operation.
func (t *target) measure(ctx context.Context, p planned, length time.Duration, name string) (measure.Sample, error) {
	before, err := t.cpu()
	if err != nil {
		return measure.Sample{}, err
	}
	s := p.run(ctx, t, p.clients, length, name)
	if err := ctx.Err(); err != nil {
		return s, err
	}
	after, err := t.cpu()
	if err != nil {
		return s, err
	}
	s.CPU = map[string]time.Duration{}
	for process := range after {
		s.CPU[process] = (after[process] - before[process]) / time.Duration(max(s.Count, 1))
	}
	return s, nil
}

// cpu returns the processor time so far of each of the target's processes and of this client.
func (t *target) cpu() (map[string]time.Duration, error) {
	used := map[string]time.Duration{}
	var err error
	for name, pid := range t.pids {
		if used[name], err = component.CPUTime(pid); err != nil {
			return nil, err
		}
	}
	used["client"], err = component.CPUTime(os.Getpid())
	return used, err
}
