package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// approvalCheck is the interval at which tasks are checked even if they have not changed, because
// an approval may have timed out.
const approvalCheck = time.Second

// approvals watches the A2ATasks that Queries wait for: those without a server. The engine that
// keeps statuses writes the decision, and the engine whose turn the Query is continues its run. It
// is safe for concurrent use.
type approvals struct {
	engine   *Engine
	informer cache.SharedIndexInformer
	changed  chan struct{} // has room for one

	mu      sync.Mutex
	waiting map[types.UID]*v1alpha1.Query
}

func newApprovals(e *Engine) *approvals {
	a := &approvals{engine: e, changed: make(chan struct{}, 1), waiting: map[types.UID]*v1alpha1.Query{}}
	of := func() *rest.Request {
		return e.options.Client.Ark(v1alpha1.SchemeGroupVersion).Get().Resource("a2atasks")
	}
	a.informer = cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			into := &v1alpha1.A2ATaskList{}
			err := of().VersionedParams(&options, metav1.ParameterCodec).Do(ctx).Into(into)
			return into, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.Watch = true
			return of().VersionedParams(&options, metav1.ParameterCodec).Watch(ctx)
		},
	}, &v1alpha1.A2ATask{}, 0, cache.Indexers{})
	// The journal of a run is read when the run continues, so the cache does not need to keep it.
	_ = a.informer.SetTransform(func(object any) (any, error) { // it fails only for an informer that runs
		if t, ok := object.(*v1alpha1.A2ATask); ok {
			t.ManagedFields = nil
			if t.Status != nil {
				delete(t.Status.ProtocolMetadata, metadataJournal)
			}
		}
		return object, nil
	})
	wake := func(any) { a.wake() }
	_, _ = a.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{ // the same
		AddFunc: wake, UpdateFunc: func(_, object any) { wake(object) }, DeleteFunc: wake,
	})
	return a
}

func (a *approvals) wake() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// observe is called with every state of a Query that the engine receives.
func (a *approvals) observe(q *v1alpha1.Query) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if phaseOf(q) != v1alpha1.QueryInputRequired || q.DeletionTimestamp != nil || taskOf(q) == "" {
		delete(a.waiting, q.UID)
		return
	}
	a.waiting[q.UID] = q
	a.wake()
}

func (a *approvals) forget(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, uid)
}

// run watches tasks until the context ends.
func (a *approvals) run(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.informer.RunWithContext(ctx)
	}()
	defer func() { <-ended }()
	if !cache.WaitForCacheSync(ctx.Done(), a.informer.HasSynced) {
		return
	}
	ticks := time.NewTicker(approvalCheck)
	defer ticks.Stop()
	for {
		a.look(ctx)
		select {
		case <-a.changed:
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// look writes decisions that are due, and continues Queries whose tasks have ended.
func (a *approvals) look(ctx context.Context) {
	a.mu.Lock()
	waiting := make(map[string]*v1alpha1.Query, len(a.waiting))
	for _, q := range a.waiting {
		waiting[q.Namespace+"/"+taskPrefix+taskOf(q)] = q
	}
	a.mu.Unlock()
	leads := a.engine.replicas.leads()
	for _, object := range a.informer.GetStore().List() {
		t, ok := object.(*v1alpha1.A2ATask)
		if !ok || ctx.Err() != nil {
			return
		}
		if !leads {
			break
		}
		if err := a.keep(ctx, t, waiting[t.Namespace+"/"+t.Name]); err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			klog.FromContext(ctx).Error(err, "Failed to decide about a task; trying again", "task", t.Namespace+"/"+t.Name)
		}
	}
	for name, q := range waiting {
		object, there, _ := a.informer.GetStore().GetByKey(name) // it fails only for malformed keys, which this is not
		if there {
			if _, err := decisionOn(object.(*v1alpha1.A2ATask)); errors.Is(err, errUndecided) {
				continue
			}
		} else if err := a.engine.options.Client.Get(ctx, "a2atasks", q.Namespace, taskPrefix+taskOf(q), &v1alpha1.A2ATask{}); !apierrors.IsNotFound(err) {
			continue // the informer has not received it yet
		}
		if a.engine.replicas.mine(q) {
			a.engine.queue.add(q)
		}
	}
}

// keep updates a task according to its deadline and its input. q is the Query that waits for it, or
// nil.
func (a *approvals) keep(ctx context.Context, t *v1alpha1.A2ATask, q *v1alpha1.Query) error {
	if t.DeletionTimestamp != nil {
		return nil
	}
	if ttl := t.Spec.TTL; ttl != nil {
		if d, err := ttl.Parse(); err == nil && d > 0 && time.Since(t.CreationTimestamp.Time) > d {
			return a.engine.options.Client.Delete(ctx, "a2atasks", t)
		}
	}
	if taskPhase(t) != v1alpha1.A2ATaskInputRequired || ofServer(t) {
		return nil
	}
	if q == nil {
		if why := a.abandoned(ctx, t); why != "" {
			return a.end(ctx, t, v1alpha1.A2ATaskCancelled, v1alpha1.ConditionTrue, reasonTaskCancelled, why)
		}
		return nil
	}
	if input := t.Spec.Input; input != nil && *input != "" {
		var said struct {
			Decision *string `json:"decision"`
		}
		err := json.Unmarshal([]byte(*input), &said)
		switch {
		case err == nil && (said.Decision == nil || *said.Decision == ""):
		case err == nil && *said.Decision == "approved":
			return a.end(ctx, t, v1alpha1.A2ATaskCompleted, v1alpha1.ConditionTrue, reasonApproved, "A person has approved the call")
		case err == nil && *said.Decision == "rejected":
			return a.end(ctx, t, v1alpha1.A2ATaskFailed, v1alpha1.ConditionTrue, reasonRejected, "A person has rejected the call")
		default:
			return a.end(ctx, t, v1alpha1.A2ATaskFailed, v1alpha1.ConditionFalse, reasonInvalidDecision,
				`the decision on the call of a tool cannot be read: spec.input is to be {"decision":"approved"} or {"decision":"rejected"}`)
		}
	}
	limit, err := time.ParseDuration(t.Status.ProtocolMetadata["timeout"])
	if err != nil || limit <= 0 || t.Status.StartTime == nil || time.Since(t.Status.StartTime.Time) < limit {
		return nil
	}
	if t.Status.ProtocolMetadata["onTimeout"] == string(v1alpha1.ApprovalProceed) {
		return a.end(ctx, t, v1alpha1.A2ATaskCompleted, v1alpha1.ConditionTrue, reasonTimeoutProceeded, fmt.Sprintf("Nobody has decided within %s: the call proceeds", limit))
	}
	return a.end(ctx, t, v1alpha1.A2ATaskFailed, v1alpha1.ConditionTrue, reasonTimeoutRejected, fmt.Sprintf("nobody has approved the call within %s", limit))
}

// ofServer reports whether a task belongs to an A2A server; tasks without a server are approvals.
func ofServer(t *v1alpha1.A2ATask) bool {
	ref := t.Spec.A2AServerRef
	return ref != nil && ref.Name != nil && *ref.Name != ""
}

// abandoned returns why no Query waits for a task any more, or "".
func (a *approvals) abandoned(ctx context.Context, t *v1alpha1.A2ATask) string {
	if t.Spec.QueryRef == nil {
		return ""
	}
	namespace := t.Namespace
	if ns := t.Spec.QueryRef.Namespace; ns != nil && *ns != "" {
		namespace = *ns
	}
	q := &v1alpha1.Query{}
	err := a.engine.options.Client.Get(ctx, "queries", namespace, t.Spec.QueryRef.Name, q)
	switch {
	case apierrors.IsNotFound(err):
		return "the query is gone"
	case err != nil:
		return ""
	case terminal(phaseOf(q)):
		return "the query has ended"
	case phaseOf(q) == v1alpha1.QueryInputRequired && taskOf(q) != "" && taskOf(q) != t.Spec.TaskID:
		return "the query waits for another decision"
	}
	return ""
}

// end writes the outcome of a task.
func (a *approvals) end(ctx context.Context, seen *v1alpha1.A2ATask, phase v1alpha1.A2ATaskPhase, status v1alpha1.ConditionStatus, reason, why string) error {
	t := &v1alpha1.A2ATask{}
	// The cached task lacks the journal of the run.
	if err := a.engine.options.Client.Get(ctx, "a2atasks", seen.Namespace, seen.Name, t); err != nil {
		return err
	}
	if t.UID != seen.UID || t.ResourceVersion != seen.ResourceVersion {
		return nil // it is checked again later
	}
	now := metav1.Now()
	t.Status.Phase, t.Status.CompletionTime = &phase, &now
	state := map[v1alpha1.A2ATaskPhase]v1alpha1.A2AProtocolState{
		v1alpha1.A2ATaskCompleted: v1alpha1.A2AStateCompleted, v1alpha1.A2ATaskFailed: v1alpha1.A2AStateFailed, v1alpha1.A2ATaskCancelled: v1alpha1.A2AStateCanceled,
	}[phase]
	t.Status.ProtocolState = &state
	if phase != v1alpha1.A2ATaskCompleted {
		t.Status.Error = &why
	}
	setTaskCondition(t, status, reason, why)
	return a.engine.options.Client.UpdateStatus(ctx, "a2atasks", t)
}
