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
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

const (
	byNamespace = "namespace"
	// defaultPoll is the poll interval of models that set none.
	defaultPoll = time.Minute
	// probeTimeout is how long a model may take to answer.
	probeTimeout = time.Minute
	// workers is the number of workers of each queue.
	workers = 4
)

// key identifies an object to reconcile.
type key struct{ resource, namespace, name string }

// Probes make requests to external servers.
type Probes struct {
	// Model returns nil if a model answers.
	Model func(ctx context.Context, model *v1alpha1.Model) error
	// MCP lists the tools of a server.
	MCP func(ctx context.Context, server *v1alpha1.MCPServer) Discovery
	// A2A reads the card of a server.
	A2A func(ctx context.Context, server *v1prealpha1.A2AServer) Introduction
}

// Reconciler keeps statuses. Run may be called once.
type Reconciler struct {
	client *objects.Client
	probes Probes
	// queue has the objects whose status depends on other objects only, and slow those that need
	// network requests: a server that does not answer delays no agent.
	queue, slow workqueue.TypedRateLimitingInterface[key]
	caches      map[string]cache.SharedIndexInformer

	mu     sync.Mutex
	probed map[key]probed
}

// probed is when an external server was last called, and for which generation of its object.
type probed struct {
	at         time.Time
	generation int64
}

// New returns a reconciler.
func New(client *objects.Client, probes Probes) *Reconciler {
	limiter := workqueue.DefaultTypedControllerRateLimiter[key]
	r := &Reconciler{
		client: client, probes: probes, probed: map[key]probed{}, caches: map[string]cache.SharedIndexInformer{},
		queue: workqueue.NewTypedRateLimitingQueue(limiter()), slow: workqueue.NewTypedRateLimitingQueue(limiter()),
	}
	r.follow("models", &v1alpha1.Model{}, func() runtime.Object { return &v1alpha1.ModelList{} })
	r.follow("tools", &v1alpha1.Tool{}, func() runtime.Object { return &v1alpha1.ToolList{} })
	r.follow("agents", &v1alpha1.Agent{}, func() runtime.Object { return &v1alpha1.AgentList{} })
	r.follow("teams", &v1alpha1.Team{}, func() runtime.Object { return &v1alpha1.TeamList{} })
	r.follow("memories", &v1alpha1.Memory{}, func() runtime.Object { return &v1alpha1.MemoryList{} })
	r.follow("mcpservers", &v1alpha1.MCPServer{}, func() runtime.Object { return &v1alpha1.MCPServerList{} })
	r.follow("a2aservers", &v1prealpha1.A2AServer{}, func() runtime.Object { return &v1prealpha1.A2AServerList{} })
	r.follow("executionengines", &v1prealpha1.ExecutionEngine{}, func() runtime.Object { return &v1prealpha1.ExecutionEngineList{} })
	return r
}

// of returns the queue of a kind.
func (r *Reconciler) of(resource string) workqueue.TypedRateLimitingInterface[key] {
	if resource == "models" || resource == "mcpservers" || resource == "a2aservers" {
		return r.slow
	}
	return r.queue
}

// dependents are the kinds whose objects are reconciled when an object of another kind changes in
// their namespace.
var dependents = map[string]string{
	"models": "agents", "tools": "agents", "a2aservers": "agents", "executionengines": "agents", "agents": "teams",
}

// follow reconciles each object of a kind that changes, and the objects that depend on it.
func (r *Reconciler) follow(resource string, object runtime.Object, list func() runtime.Object) {
	of := r.client.Ark(objects.VersionOf(resource))
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
		r.of(resource).Add(key{resource, o.GetNamespace(), o.GetName()})
		kind := dependents[resource]
		if kind == "" {
			return
		}
		beside, err := r.caches[kind].GetIndexer().ByIndex(byNamespace, o.GetNamespace())
		if err != nil {
			return // never fails: the index exists
		}
		for _, one := range beside {
			r.of(kind).Add(key{kind, o.GetNamespace(), one.(objects.Object).GetName()})
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
	defer r.slow.ShutDown()
	var synced []cache.InformerSynced
	for _, informer := range r.caches {
		ended.Go(func() { informer.RunWithContext(ctx) })
		synced = append(synced, informer.HasSynced)
	}
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return
	}
	for range workers {
		for _, queue := range []workqueue.TypedRateLimitingInterface[key]{r.queue, r.slow} {
			ended.Go(func() {
				for r.next(ctx, queue) {
				}
			})
		}
	}
	<-ctx.Done()
}

func (r *Reconciler) next(ctx context.Context, queue workqueue.TypedRateLimitingInterface[key]) bool {
	k, shutdown := queue.Get()
	if shutdown {
		return false
	}
	defer queue.Done(k)
	err := r.reconcile(ctx, k)
	switch {
	case err == nil, apierrors.IsNotFound(err):
		queue.Forget(k)
	case ctx.Err() != nil:
	case apierrors.IsConflict(err):
		queue.AddRateLimited(k)
	default:
		klog.FromContext(ctx).Error(err, "Failed to keep a status; trying again", "resource", k.resource, "name", k.namespace+"/"+k.name)
		queue.AddRateLimited(k)
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
	case *v1alpha1.Team:
		return r.team(ctx, o.DeepCopy())
	case *v1alpha1.Memory:
		return r.memory(ctx, k, o.DeepCopy())
	case *v1prealpha1.ExecutionEngine:
		return r.executionEngine(ctx, k, o.DeepCopy())
	case *v1prealpha1.A2AServer:
		return r.a2aServer(ctx, k, o.DeepCopy())
	case *v1alpha1.MCPServer:
		return r.mcpServer(ctx, k, o.DeepCopy())
	}
	return errors.New("the cache holds something else")
}
