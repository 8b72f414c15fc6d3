package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/reconcile"
)

// Options configure an engine.
type Options struct {
	// Client makes the engine's requests, as the engine's user.
	Client *objects.Client
	// Services are what executions use. Their gate is replaced by the engine's.
	Services execution.Services
	// Limits bound how many Queries and model calls run at a time.
	Limits Limits
	// Identity distinguishes this process from every other that has run on the database.
	Identity string
	// Shared is true if other engines may use the same database.
	Shared bool
	// deadAfter overrides the constant deadAfter; for tests.
	deadAfter time.Duration
	// Events is true if the API has core Events. EventRate is for how many Queries per second Events
	// are written; 0 for the default.
	Events    bool
	EventRate float32
	// LeaseNamespace is the namespace of the engines' Leases; "" for kube-system.
	LeaseNamespace string
	// Observer counts events of the engine; nil for no metrics.
	Observer Observer
	// Sink receives the output of Queries while they run; nil for none.
	Sink Sink
	// Requests returns what clients sent in addition to their Queries; nil for nothing.
	Requests Requests
	// Refused is called if the API stores no claims, so that no Query can be executed; nil for none.
	Refused func(error)
	// Trace begins the span of a Query's run; nil for no tracing. The function that it returns is
	// called at the end.
	Trace func(ctx context.Context, q *v1alpha1.Query) (context.Context, func(error))
	// Statuses makes the engine also keep the statuses of Models, Agents and Tools.
	Statuses bool
}

// Observer counts events of the engine. It is safe for concurrent use.
type Observer interface {
	// Queue is called once with a function that returns how many Queries wait and run.
	Queue(lengths func() (waiting, running int))
	// QueryEnded is called when the end of a Query is stored: done, error, timeout or canceled. took
	// excludes the time in the queue.
	QueryEnded(outcome string, took time.Duration)
	// QueryWithoutEvents is called when a Query gets no Events because of the rate limit.
	QueryWithoutEvents()
	// ModelCalled is called when a model has answered, or has failed after its last retry.
	ModelCalled(firstToken time.Duration, prompt, completion int64, failed bool)
	// ModelRetried is called when a request is retried.
	ModelRetried()
}

// nobody is an Observer that counts nothing.
type nobody struct{}

func (nobody) Queue(func() (int, int))                       {}
func (nobody) QueryEnded(string, time.Duration)              {}
func (nobody) QueryWithoutEvents()                           {}
func (nobody) ModelCalled(time.Duration, int64, int64, bool) {}
func (nobody) ModelRetried()                                 {}

// Limits are numbers of Queries that run at a time, and of calls of one model; 0 for no bound.
type Limits struct{ Total, PerNamespace, PerModel int }

// quietFor is how long a Query waits before its status shows that it is queued.
const quietFor = 500 * time.Millisecond

// Engine executes Queries. Run may be called once.
type Engine struct {
	options Options
	// reads are the engine's own reads of the objects that Queries run with. They are shared, because
	// many Queries use the same objects.
	reads  *objects.Shared
	queue  *queue
	gate   *gate
	events *events
	expiry *expiry
	// approvals are the tasks that Queries wait for.
	approvals *approvals
	// replicas are the engines on the same database; nil for an engine that is alone.
	replicas *replicas
	// ended waits for all goroutines that Run has started.
	ended sync.WaitGroup

	// following serializes the states from the watch, up to the version followed, with the Queries
	// that are offered earlier.
	following sync.Mutex
	followed  uint64

	mu   sync.Mutex
	runs map[types.UID]*run
	// removing are Queries whose finalizer is being removed.
	removing map[types.UID]bool
}

// New returns an engine.
func New(o Options) *Engine {
	e := &Engine{options: o, queue: newQueue(o.Limits), gate: newGate(o.Limits.PerModel), runs: map[types.UID]*run{}, removing: map[types.UID]bool{}}
	e.reads = objects.NewShared(o.Client, e.gather)
	e.options.Services.Gate = e.gate.enter
	if o.Observer == nil {
		e.options.Observer = nobody{}
	}
	e.options.Services.Called, e.options.Services.Retry.Note = e.options.Observer.ModelCalled, e.options.Observer.ModelRetried
	e.options.Observer.Queue(e.queue.lengths)
	e.queue.quietFor = quietFor
	e.expiry = newExpiry()
	e.approvals = newApprovals(e)
	if o.Shared {
		e.replicas = newReplicas(e, o.Identity)
		if o.LeaseNamespace != "" {
			e.replicas.namespace = o.LeaseNamespace
		}
		if o.deadAfter > 0 {
			e.replicas.deadAfter = o.deadAfter
		}
	}
	return e
}

// gather returns how long a read waits for more callers: 0 in an engine with little load.
func (e *Engine) gather() time.Duration {
	const idle, each, most = 4, 100 * time.Microsecond, 10 * time.Millisecond
	_, running := e.queue.lengths()
	return min(time.Duration(max(running-idle, 0))*each, most)
}

// Run executes Queries until the context ends. The API must be ready.
func (e *Engine) Run(ctx context.Context) {
	e.events = newEvents(ctx, e.options)
	defer e.events.stop()
	if e.replicas != nil {
		if !e.replicas.join(ctx) {
			return
		}
		// Other engines take over the queries once the Lease is deleted, so it is deleted last.
		keeping, leave := context.WithCancel(context.WithoutCancel(ctx))
		left := make(chan struct{})
		defer func() {
			leave()
			<-left
		}()
		go func() {
			defer close(left)
			e.replicas.run(keeping)
		}()
	}
	if e.options.Statuses {
		e.ended.Go(func() { e.keepStatuses(ctx) })
	}
	e.ended.Go(func() { e.expire(ctx) })
	e.ended.Go(func() { e.approvals.run(ctx) })
	e.ended.Go(func() { e.announce(ctx) })
	e.ended.Go(func() { e.dispatch(ctx) })
	defer context.AfterFunc(ctx, e.queue.close)()
	e.follow(ctx)
	e.ended.Wait()
}

// keepStatuses keeps the statuses of the objects that Queries run with. Only one of the engines
// that share a database does so at a time.
func (e *Engine) keepStatuses(ctx context.Context) {
	for ctx.Err() == nil {
		if e.replicas.leads() {
			term, end := context.WithCancel(ctx)
			var kept sync.WaitGroup
			kept.Go(func() { e.reconcile(term) })
			for e.replicas.leads() && pause(ctx, renewEvery) {
			}
			end()
			kept.Wait()
		}
		pause(ctx, renewEvery)
	}
}

func (e *Engine) reconcile(ctx context.Context) {
	services := e.options.Services
	reconcile.New(e.options.Client, reconcile.Probes{
		Model: func(ctx context.Context, m *v1alpha1.Model) error {
			return execution.Probe(ctx, services, e.options.Client, m)
		},
		MCP: func(ctx context.Context, s *v1alpha1.MCPServer) (found reconcile.Discovery) {
			found.Tools, found.Address, found.Connected, found.Err = execution.MCPTools(ctx, services, e.options.Client, s)
			var unresolved *execution.AddressError
			found.Unresolved = errors.As(found.Err, &unresolved)
			return found
		},
		A2A: func(ctx context.Context, s *v1prealpha1.A2AServer) (found reconcile.Introduction) {
			found.Card, found.Address, found.Secret, found.Err = execution.DescribeA2A(ctx, services, e.options.Client, s)
			return found
		},
	}).Run(ctx)
}

// dispatch starts the next Query in the queue.
func (e *Engine) dispatch(ctx context.Context) {
	for {
		next, ok := e.queue.next()
		if !ok {
			return
		}
		e.ended.Go(func() { e.take(ctx, next) })
	}
}

// take runs a Query that the queue has admitted.
func (e *Engine) take(ctx context.Context, it *item) {
	taken := e.execute(ctx, it.query)
	e.queue.done(it)
	if taken != nil {
		// The event for this state may have arrived, and been skipped, while this engine tried to claim
		// the Query.
		e.observe(ctx, taken)
	}
}

// observe is called with every state of a Query that the engine receives.
func (e *Engine) observe(ctx context.Context, q *v1alpha1.Query) {
	e.mu.Lock()
	r := e.runs[q.UID]
	if r != nil {
		r.seen = max(r.seen, versionOf(q))
	}
	if r != nil && r.ended.Load() != 0 {
		if versionOf(q) < r.ended.Load() {
			e.mu.Unlock()
			return // an old state of a Query that has ended since
		}
		delete(e.runs, q.UID)
		r = nil
	}
	e.mu.Unlock()
	phase := phaseOf(q)
	e.approvals.observe(q)
	switch {
	case q.DeletionTimestamp != nil:
		e.queue.remove(q.UID)
		e.replicas.forget(q.UID)
		if r != nil {
			r.stop(errDeleted)
		}
		e.remove(ctx, q)
	case r != nil:
		switch {
		case r.claimed.Load() != 0 && versionOf(q) > r.claimed.Load() && q.Annotations[annotationEngine] != e.options.Identity:
			r.stop(errTaken)
		case terminal(phase) && !r.finishing.Load():
			r.stop(errForeign)
		case isCanceled(q):
			r.stop(errCanceled)
		}
	case terminal(phase):
		e.queue.remove(q.UID)
		e.replicas.forget(q.UID)
		e.expiry.add(q)
	case phase == v1alpha1.QueryInputRequired && !isCanceled(q), phase == v1alpha1.QueryProvisioning:
		// These wait for another component.
	case e.replicas.mine(q):
		e.queue.add(q)
	default:
		e.queue.remove(q.UID)
	}
}

// forget is called with a Query that was deleted.
func (e *Engine) forget(uid types.UID) {
	e.queue.remove(uid)
	e.replicas.forget(uid)
	e.expiry.remove(uid)
	e.approvals.forget(uid)
	e.mu.Lock()
	r := e.runs[uid]
	if r != nil && r.ended.Load() != 0 {
		delete(e.runs, uid)
	}
	e.mu.Unlock()
	if r != nil {
		r.stop(errDeleted)
	}
}

// log returns the logger for what the engine reports nowhere else.
func log(q *v1alpha1.Query) klog.Logger {
	return klog.Background().WithValues("query", q.Namespace+"/"+q.Name)
}

// pause waits for d, and returns false if the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
