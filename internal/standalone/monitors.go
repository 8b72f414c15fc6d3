package standalone

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unique"

	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// storages are those of the resources that the server serves itself.
type storages map[schema.GroupVersionResource]rest.Storage

// add takes in the storages of one version by their paths. Subresources are left out.
func (s storages) add(version schema.GroupVersion, paths map[string]rest.Storage) {
	for path, storage := range paths {
		if !strings.Contains(path, "/") {
			s[version.WithResource(path)] = storage
		}
	}
}

// monitors are the informers that the garbage collector and the quota controller see objects with.
// They keep what those need of an object's metadata and nothing else, and read the server's own
// resources without HTTP from the watch caches, with which they share what changes with the object:
// each write of an Ark object passes through them.
type monitors struct {
	stored storages
	// others are of what the server serves beside that, if anything.
	others metadatainformer.SharedInformerFactory
	// indexers are those of every informer.
	indexers cache.Indexers

	mu      sync.Mutex // for what follows
	known   map[schema.GroupVersionResource]informers.GenericInformer
	waiting []cache.SharedIndexInformer
	running sync.WaitGroup
}

func newMonitors(stored storages, client metadata.Interface, indexers cache.Indexers) *monitors {
	return &monitors{
		stored:   stored,
		others:   metadatainformer.NewSharedInformerFactoryWithOptions(client, 0, metadatainformer.WithTransform(trim)),
		indexers: indexers,
		known:    map[schema.GroupVersionResource]informers.GenericInformer{},
	}
}

// ForResource implements informerfactory.InformerFactory.
func (m *monitors) ForResource(resource schema.GroupVersionResource) (informers.GenericInformer, error) {
	storage, found := m.stored[resource]
	if !found {
		return m.others.ForResource(resource), nil
	}
	source, ok := storage.(source)
	if !ok {
		return nil, fmt.Errorf("watch %s: its storage can not be listed and watched", resource)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.known[resource]; known != nil {
		return known, nil
	}
	informer := cache.NewSharedIndexInformerWithOptions(listWatch(source), nil, cache.SharedIndexInformerOptions{ObjectDescription: resource.String(), Indexers: m.indexers})
	if err := informer.SetTransform(trim); err != nil {
		return nil, fmt.Errorf("watch %s: %w", resource, err)
	}
	m.waiting = append(m.waiting, informer)
	m.known[resource] = monitor{informer: informer, resource: resource.GroupResource()}
	return m.known[resource], nil
}

// Start implements informerfactory.InformerFactory.
func (m *monitors) Start(stop <-chan struct{}) {
	m.others.Start(stop)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, informer := range m.waiting {
		m.running.Go(func() { informer.Run(stop) })
	}
	m.waiting = nil
}

// wait returns when all informers have ended, which they do when what they were
// started with is closed.
func (m *monitors) wait() {
	m.others.Shutdown()
	m.running.Wait()
}

type monitor struct {
	informer cache.SharedIndexInformer
	resource schema.GroupResource
}

func (m monitor) Informer() cache.SharedIndexInformer { return m.informer }

func (m monitor) Lister() cache.GenericLister {
	return cache.NewGenericLister(m.informer.GetIndexer(), m.resource)
}

// source is a storage that an informer can follow.
type source interface {
	rest.Lister
	rest.Watcher
}

func listWatch(from source) cache.ListerWatcher {
	internal := func(options metav1.ListOptions) (*metainternalversion.ListOptions, error) {
		var out metainternalversion.ListOptions
		err := metainternalversion.Convert_v1_ListOptions_To_internalversion_ListOptions(&options, &out, nil)
		return &out, err
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			o, err := internal(options)
			if err != nil {
				return nil, err
			}
			return from.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			o, err := internal(options)
			if err != nil {
				return nil, err
			}
			return from.Watch(ctx, o)
		},
	}
}

// trim leaves of an object what the collector looks at: who it is, who owns it,
// and whether it is on its way out.
func trim(obj any) (any, error) {
	whole, err := meta.Accessor(obj)
	if err != nil {
		return obj, nil // a tombstone, whose object has been trimmed
	}
	// The collector's graph keeps these as it saw them first. They may be parts of the
	// text of the whole object, which would stay in memory with them.
	name := whole.GetName()
	nameAndUID := name + string(whole.GetUID())
	t := &tracked{
		ObjectMeta: &noMeta,
		name:       nameAndUID[:len(name)],
		namespace:  unique.Make(whole.GetNamespace()).Value(),
		uid:        types.UID(nameAndUID[len(name):]),
		version:    whole.GetResourceVersion(),
	}
	ends := ending{whole.GetDeletionTimestamp(), whole.GetFinalizers(), whole.GetOwnerReferences()}
	if ends.begun != nil || len(ends.finalizers) > 0 || len(ends.owners) > 0 {
		t.ends = &ends
	}
	return t, nil
}

// tracked is what the collector's informers keep of an object, for each object there is: a third of
// a PartialObjectMetadata. It has no metadata beyond its fields; nobody sets any.
type tracked struct {
	*metav1.ObjectMeta // for the rest of metav1.Object, and empty
	name, namespace    string
	uid                types.UID
	version            string
	ends               *ending // nil where there is nothing of it
}

var noMeta metav1.ObjectMeta

// GetObjectKind and DeepCopyObject implement runtime.Object, for the collector's patches.
func (t *tracked) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

func (t *tracked) DeepCopyObject() runtime.Object {
	c := *t
	return &c
}

// ending is what few objects have.
type ending struct {
	begun      *metav1.Time
	finalizers []string
	owners     []metav1.OwnerReference
}

func (t *tracked) GetObjectMeta() metav1.Object { return t }
func (t *tracked) GetName() string              { return t.name }
func (t *tracked) GetNamespace() string         { return t.namespace }
func (t *tracked) GetUID() types.UID            { return t.uid }
func (t *tracked) GetResourceVersion() string   { return t.version }

func (t *tracked) GetDeletionTimestamp() *metav1.Time {
	if t.ends == nil {
		return nil
	}
	return t.ends.begun
}

func (t *tracked) GetFinalizers() []string {
	if t.ends == nil {
		return nil
	}
	return t.ends.finalizers
}

func (t *tracked) GetOwnerReferences() []metav1.OwnerReference {
	if t.ends == nil {
		return nil
	}
	return t.ends.owners
}
