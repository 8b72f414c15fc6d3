package standalone

import (
	"context"
	"fmt"
	"time"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
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
	monitors monitors
	client   kubernetes.Interface
}

// newGarbageCollector asks discovery at once, so the server must be serving.
func newGarbageCollector(ctx context.Context, config *rest.Config, client kubernetes.Interface, shared informers.SharedInformerFactory) (*garbageCollector, error) {
	config = rest.AddUserAgent(rest.CopyConfig(config), "garbage-collector")
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the garbage collector's client: %w", err)
	}
	own, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the garbage collector's client: %w", err)
	}
	m := monitors{
		shared:   shared,
		metadata: metadatainformer.NewSharedInformerFactoryWithOptions(objects, garbagecollector.ResourceResyncTime, metadatainformer.WithTransform(trim)),
	}
	// The collector resets its mapper, and with it the mapper's discovery client,
	// which must therefore not be the one that Sync looks for changes with.
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(own.Discovery()))
	started := make(chan struct{}) // nothing to wait for
	close(started)
	collector, err := garbagecollector.NewGarbageCollector(ctx, own, objects, mapper, garbagecollector.DefaultIgnoredResources(), m, started)
	if err != nil {
		return nil, fmt.Errorf("make the garbage collector: %w", err)
	}
	return &garbageCollector{GarbageCollector: collector, monitors: m, client: client}, nil
}

// run collects until the context ends, and returns when everything it has started has ended.
func (g *garbageCollector) run(ctx context.Context) {
	synced := make(chan struct{})
	go func() {
		defer close(synced)
		g.Sync(ctx, g.client.Discovery(), garbageSync)
	}()
	g.Run(ctx, garbageWorkers, garbageSync)
	<-synced
	g.monitors.metadata.Shutdown()
}

// monitors are the informers that the collector sees objects with. It shares that
// of namespaces; all others keep what it needs of an object's metadata and nothing
// else, where the upstream ones would hold each Secret and ConfigMap whole.
type monitors struct {
	shared   informers.SharedInformerFactory
	metadata metadatainformer.SharedInformerFactory
}

// ForResource implements informerfactory.InformerFactory.
func (m monitors) ForResource(resource schema.GroupVersionResource) (informers.GenericInformer, error) {
	if resource == corev1.SchemeGroupVersion.WithResource("namespaces") {
		return m.shared.ForResource(resource)
	}
	return m.metadata.ForResource(resource), nil
}

// Start implements informerfactory.InformerFactory. The shared informers are the server's to start.
func (m monitors) Start(stop <-chan struct{}) { m.metadata.Start(stop) }

// trim leaves of an object what the collector looks at: who it is, who owns it, and whether it is on its way out.
func trim(obj any) (any, error) {
	whole, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil // a tombstone, whose object has been trimmed
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name:              whole.Name,
		Namespace:         unique.Make(whole.Namespace).Value(),
		UID:               whole.UID,
		ResourceVersion:   whole.ResourceVersion,
		DeletionTimestamp: whole.DeletionTimestamp,
		OwnerReferences:   whole.OwnerReferences,
		Finalizers:        whole.Finalizers,
	}}, nil
}
