package standalone

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
)

const (
	garbageWorkers = 5
	// garbageSync is how often discovery is asked for new kinds, and how long the
	// collector waits at its start until it has seen all objects.
	garbageSync = 30 * time.Second
)

// garbageCollector deletes what its owners have left behind, and carries out the
// foreground and orphan policies of deletions: the upstream controller, for all
// that is in discovery. Several may run on one database: what they do is bound to
// uids and resourceVersions.
type garbageCollector struct {
	*garbagecollector.GarbageCollector
	monitors *monitors
	client   kubernetes.Interface
}

// newGarbageCollector returns a collector that has not asked the server anything
// yet. Config is the server's own, stored the storage of what it serves itself.
func newGarbageCollector(ctx context.Context, config *rest.Config, stored storages) (*garbageCollector, error) {
	config = rest.CopyConfig(config)
	config.UserAgent += "/garbage-collector"
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the garbage collector's client: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the garbage collector's client: %w", err)
	}
	// The collector resets its mapper, and with it the mapper's discovery cache,
	// which must therefore not be what Sync looks for changes with.
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	m := newMonitors(stored, objects, nil)
	started := make(chan struct{}) // there is nothing to wait for
	close(started)
	collector, err := garbagecollector.NewGarbageCollector(ctx, client, objects, mapper, garbagecollector.DefaultIgnoredResources(), m, started)
	if err != nil {
		return nil, fmt.Errorf("make the garbage collector: %w", err)
	}
	return &garbageCollector{GarbageCollector: collector, monitors: m, client: client}, nil
}

// run collects until the context ends, and returns when everything that it has
// started has ended.
func (g *garbageCollector) run(ctx context.Context) {
	synced := make(chan struct{})
	go func() {
		defer close(synced)
		g.Sync(ctx, g.client.Discovery(), garbageSync)
	}()
	g.Run(ctx, garbageWorkers, garbageSync)
	<-synced
	g.monitors.wait()
}
