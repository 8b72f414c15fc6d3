package reconcile

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

const (
	byNamespace = "namespace"
	// defaultPoll is how often a model is asked that does not say.
	defaultPoll = time.Minute
	// probeTimeout is how long a model may take to answer.
	probeTimeout = time.Minute
	workers      = 4
)

// key is an object to look at.
type key struct{ resource, namespace, name string }

// Reconciler keeps statuses. Run may be called once.
type Reconciler struct {
	client *objects.Client
	probe  func(ctx context.Context, model *v1alpha1.Model) error
	queue  workqueue.TypedRateLimitingInterface[key]
	caches map[string]cache.SharedIndexInformer

	mu     sync.Mutex
	probed map[key]probed
}

// probed is when a model was last asked, and which generation of it.
type probed struct {
	at         time.Time
	generation int64
}

// New returns a reconciler that asks models by probe.
func New(client *objects.Client, probe func(ctx context.Context, model *v1alpha1.Model) error) *Reconciler {
	r := &Reconciler{
		client: client, probe: probe, probed: map[key]probed{}, caches: map[string]cache.SharedIndexInformer{},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[key]()),
	}
	r.follow("models", &v1alpha1.Model{}, func() runtime.Object { return &v1alpha1.ModelList{} })
	r.follow("tools", &v1alpha1.Tool{}, func() runtime.Object { return &v1alpha1.ToolList{} })
	r.follow("agents", &v1alpha1.Agent{}, func() runtime.Object { return &v1alpha1.AgentList{} })
	return r
}

// follow looks at each object of a kind that changes, and at the agents beside it.
func (r *Reconciler) follow(resource string, object runtime.Object, list func() runtime.Object) {
	of := r.client.Ark(v1alpha1.SchemeGroupVersion)
	informer := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			into := list()
			err := of.Get().Resource(resource).VersionedParams(&options, metav1.ParameterCodec).Do(ctx).Into(into)
			return into, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.Watch = true
			return of.Get().Resource(resource).VersionedParams(&options, metav1.ParameterCodec).Watch(ctx)
		},
	}, object, 0, cache.Indexers{byNamespace: cache.MetaNamespaceIndexFunc})
	changed := func(object any) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		o, ok := object.(objects.Object)
		if !ok {
			return
		}
		r.queue.Add(key{resource, o.GetNamespace(), o.GetName()})
		if resource == "agents" {
			return
		}
		agents, err := r.caches["agents"].GetIndexer().ByIndex(byNamespace, o.GetNamespace())
		if err != nil {
			return // never: the index is there
		}
		for _, agent := range agents {
			r.queue.Add(key{"agents", o.GetNamespace(), agent.(*v1alpha1.Agent).Name})
		}
	}
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{ // it fails only for a stopped informer
		AddFunc: changed, UpdateFunc: func(_, object any) { changed(object) }, DeleteFunc: changed,
	})
	r.caches[resource] = informer
}

// Run keeps statuses until the context ends.
func (r *Reconciler) Run(ctx context.Context) {
	var ended sync.WaitGroup
	defer ended.Wait()
	defer r.queue.ShutDown()
	var synced []cache.InformerSynced
	for _, informer := range r.caches {
		ended.Go(func() { informer.RunWithContext(ctx) })
		synced = append(synced, informer.HasSynced)
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return
	}
	for range workers {
		ended.Go(func() {
			for r.next(ctx) {
			}
		})
	}
	<-ctx.Done()
}

func (r *Reconciler) next(ctx context.Context) bool {
	k, shutdown := r.queue.Get()
	if shutdown {
		return false
	}
	defer r.queue.Done(k)
	err := r.reconcile(ctx, k)
	switch {
	case err == nil, apierrors.IsNotFound(err):
		r.queue.Forget(k)
	case ctx.Err() != nil:
	case apierrors.IsConflict(err):
		r.queue.AddRateLimited(k)
	default:
		klog.FromContext(ctx).Error(err, "Failed to keep a status; trying again", "resource", k.resource, "name", k.namespace+"/"+k.name)
		r.queue.AddRateLimited(k)
	}
	return true
}

func (r *Reconciler) reconcile(ctx context.Context, k key) error {
	object, found, err := r.caches[k.resource].GetIndexer().GetByKey(k.namespace + "/" + k.name)
	if err != nil {
		return err
	}
	if !found {
		r.mu.Lock()
		delete(r.probed, k)
		r.mu.Unlock()
		return nil
	}
	switch o := object.(type) {
	case *v1alpha1.Model:
		return r.model(ctx, k, o.DeepCopy())
	case *v1alpha1.Tool:
		return r.tool(ctx, o.DeepCopy())
	case *v1alpha1.Agent:
		return r.agent(ctx, o.DeepCopy())
	}
	return errors.New("the cache holds something else")
}
