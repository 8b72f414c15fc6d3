package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// What a manager and the test agree on.
const (
	managerEnv = "ARK_TEST_MANAGER"       // the kubeconfig of a manager
	aloneEnv   = "ARK_TEST_MANAGER_ALONE" // set: it has no other to compete with, and elects nobody
	leaseID    = "ark-controller-leader"
	workplace  = "work" // the namespace of the queries
	finalizer  = "ark.mckinsey.com/finalizer"
	// leading and reading are what a manager prints.
	leading = "leading"
	// An A2ATask of the query must be completed before it ends; a ConfigMap of its name must exist.
	viaTask   = "example.com/via-task"
	viaConfig = "example.com/via-config"
	// A ConfigMap with this label asks the manager to compare its caches with the server, and to
	// delete the agents with the label.
	askedFor = "example.com/asked"
	// runner is the service account of queries that name it, allowed the ConfigMap of its name.
	runner = "runner"
	// concurrency is how many queries are executed at a time, and workers how many reconciled.
	concurrency = 32
	workers     = 4
)

func queryObject() object {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(queries.GroupVersion().WithKind("Query"))
	return o
}

func taskObject() object {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(tasks.GroupVersion().WithKind("A2ATask"))
	return o
}

// runManager is a process of its own, with the flags of Ark's controller that matter here: leader
// election and 32 queries at a time.
func runManager() error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv(managerEnv))
	if err != nil {
		return err
	}
	config.QPS = -1
	ctrllog.SetLogger(klog.Background())
	m, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme.Scheme, Metrics: server.Options{BindAddress: "0"},
		LeaderElection: os.Getenv(aloneEnv) == "", LeaderElectionID: leaseID, LeaderElectionNamespace: workplace,
		GracefulShutdownTimeout: new(10 * time.Second),
		// As Ark's broadcaster: QPS and burst 100.
		EventBroadcaster: record.NewBroadcasterWithCorrelatorOptions(record.CorrelatorOptions{QPS: 100, BurstSize: 100}), //nolint:staticcheck // what Ark uses
	})
	if err != nil {
		return err
	}
	q := &queryReconciler{
		Client: m.GetClient(), live: m.GetAPIReader(), config: config, scheme: m.GetScheme(),
		events: m.GetEventRecorderFor("query-controller"), //nolint:staticcheck // core events, as Ark's
		gate:   make(chan struct{}, concurrency), running: map[types.UID]context.CancelFunc{}, ended: make(chan event.GenericEvent, 1024),
	}
	byName := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(o)}}
	})
	err = ctrl.NewControllerManagedBy(m).For(queryObject()).Owns(taskObject()).Watches(&corev1.ConfigMap{}, byName).
		WatchesRawSource(source.Channel(q.ended, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).Named("query").Complete(q)
	if err != nil {
		return err
	}
	if err := ctrl.NewControllerManagedBy(m).For(taskObject()).Named("a2atask").Complete(&taskReconciler{m.GetClient()}); err != nil {
		return err
	}
	if err := ctrl.NewControllerManagedBy(m).For(&corev1.ConfigMap{}).Named("asked").Complete(&askedReconciler{m.GetClient(), m.GetAPIReader()}); err != nil {
		return err
	}
	// Ark's caches hold these, too.
	for _, o := range []client.Object{&corev1.Secret{}, &corev1.Service{}} {
		if _, err := m.GetCache().GetInformer(context.Background(), o); err != nil {
			return err
		}
	}
	ctx := ctrl.SetupSignalHandler()
	go func() {
		select {
		case <-m.Elected():
			fmt.Println(leading)
		case <-ctx.Done():
		}
	}()
	return m.Start(ctx)
}

// queryReconciler writes a Query as Ark's controller does.
type queryReconciler struct {
	client.Client
	live   client.Reader
	config *rest.Config
	scheme *runtime.Scheme
	events record.EventRecorder
	gate   chan struct{}
	// ended wakes the reconciler for a query that could not be written, or that waited for its turn.
	ended chan event.GenericEvent

	mu      sync.Mutex
	running map[types.UID]context.CancelFunc
}

// Reconcile implements reconcile.Reconciler.
func (r *queryReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	q := queryObject()
	if err := r.Get(ctx, request.NamespacedName, q); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !q.GetDeletionTimestamp().IsZero() {
		if controllerutil.RemoveFinalizer(q, finalizer) {
			return reconcile.Result{}, ignoreGone(r.Update(ctx, q))
		}
		return reconcile.Result{}, nil
	}
	if controllerutil.AddFinalizer(q, finalizer) {
		return reconcile.Result{}, ignoreGone(r.Update(ctx, q))
	}
	conditions, _, _ := unstructured.NestedSlice(q.Object, "status", "conditions")
	phase, _, _ := unstructured.NestedString(q.Object, "status", "phase")
	switch {
	case phase == "done" || phase == "error" || phase == "canceled":
		return reconcile.Result{}, nil
	case len(conditions) == 0:
		setStatus(q, "pending", "False", "QueryNotStarted", nil)
		return reconcile.Result{}, ignoreGone(r.Status().Update(ctx, q))
	}
	r.mu.Lock()
	_, going := r.running[q.GetUID()]
	r.mu.Unlock()
	if going {
		return reconcile.Result{}, nil
	}
	if ok, err := r.mayStart(ctx, q); err != nil || !ok {
		return reconcile.Result{}, err // what it waits for wakes it
	}
	select {
	case r.gate <- struct{}{}:
	default:
		return reconcile.Result{RequeueAfter: 250 * time.Millisecond}, nil
	}
	started := false
	defer func() {
		if !started {
			<-r.gate
		}
	}()
	// One that is running although this process does not execute it was another process's.
	if phase != "running" {
		if err := r.Get(ctx, request.NamespacedName, q); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		setStatus(q, "running", "False", "QueryRunning", nil)
		if err := r.Status().Update(ctx, q); err != nil {
			return reconcile.Result{}, ignoreGone(err)
		}
		r.events.Event(q, corev1.EventTypeNormal, "QueryExecutionStart", `{"operation":"QueryExecution"}`)
	}
	started = true
	r.execute(q)
	return reconcile.Result{}, nil
}

// mayStart reports whether what a query waits for is there, and makes its task.
func (r *queryReconciler) mayStart(ctx context.Context, q object) (bool, error) {
	if q.GetAnnotations()[viaConfig] != "" {
		err := r.Get(ctx, client.ObjectKeyFromObject(q), &corev1.ConfigMap{})
		if err != nil {
			return false, client.IgnoreNotFound(err)
		}
	}
	if q.GetAnnotations()[viaTask] == "" {
		return true, nil
	}
	task := taskObject()
	err := r.Get(ctx, client.ObjectKeyFromObject(q), task)
	if apierrors.IsNotFound(err) {
		task.SetNamespace(q.GetNamespace())
		task.SetName(q.GetName())
		task.Object["spec"] = map[string]any{
			"taskId": "task-" + q.GetName(), "queryRef": map[string]any{"name": q.GetName()},
			"a2aServerRef": map[string]any{"name": "remote"}, "agentRef": map[string]any{"name": "researcher"},
		}
		if err := controllerutil.SetControllerReference(q, task, r.scheme); err != nil {
			return false, err
		}
		err = r.Create(ctx, task)
		if apierrors.IsAlreadyExists(err) {
			err = nil // the cache is behind, and will tell
		}
		return false, err
	}
	phase, _, _ := unstructured.NestedString(task.Object, "status", "phase")
	return phase == "completed", err
}

// execute answers a query outside the work queue, as an engine does.
func (r *queryReconciler) execute(q object) {
	ctx, cancel := context.WithCancel(context.Background())
	r.mu.Lock()
	r.running[q.GetUID()] = cancel
	r.mu.Unlock()
	go func() {
		defer func() {
			cancel()
			r.mu.Lock()
			delete(r.running, q.GetUID())
			r.mu.Unlock()
			<-r.gate
		}()
		answer, err := r.answer(ctx, q)
		for try := 0; err == nil && try < 5; try++ {
			latest := queryObject()
			if err = r.live.Get(ctx, client.ObjectKeyFromObject(q), latest); err != nil {
				break
			}
			if phase, _, _ := unstructured.NestedString(latest.Object, "status", "phase"); latest.GetUID() != q.GetUID() || phase == "done" {
				return
			}
			setStatus(latest, "done", "True", "QuerySucceeded", map[string]any{
				"response":   map[string]any{"target": map[string]any{"type": "agent", "name": "researcher"}, "phase": "done", "content": answer, "raw": "[]"},
				"tokenUsage": map[string]any{"promptTokens": int64(3), "completionTokens": int64(4), "totalTokens": int64(7)},
				"duration":   "5ms", "conversationId": "conversation-" + q.GetName(),
			})
			if err = r.Status().Update(ctx, latest); err == nil {
				r.events.Event(q, corev1.EventTypeNormal, "QueryExecutionComplete", `{"operation":"QueryExecution"}`)
				return
			}
			if apierrors.IsConflict(err) {
				err = nil
			}
		}
		if err != nil && !apierrors.IsNotFound(err) {
			klog.ErrorS(err, "A query was not ended; trying again", "query", q.GetName())
		}
		r.ended <- event.GenericEvent{Object: q}
	}()
}

// answer is what the query's input has become; with a service account it is what that may read.
func (r *queryReconciler) answer(ctx context.Context, q object) (string, error) {
	input, _, _ := unstructured.NestedString(q.Object, "spec", "input")
	account, _, _ := unstructured.NestedString(q.Object, "spec", "serviceAccount")
	if account == "" {
		return answerTo(input), nil
	}
	config := rest.CopyConfig(r.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + q.GetNamespace() + ":" + account}
	as, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return "", err
	}
	var allowed corev1.ConfigMap
	if err := as.Get(ctx, types.NamespacedName{Namespace: q.GetNamespace(), Name: runner}, &allowed); err != nil {
		return "", err
	}
	if err := as.Get(ctx, types.NamespacedName{Namespace: q.GetNamespace(), Name: runner}, &corev1.Secret{}); !apierrors.IsForbidden(err) {
		return "", fmt.Errorf("the service account reads a Secret: %w", err)
	}
	return answerTo(input + allowed.Data["addition"]), nil
}

func answerTo(input string) string { return "the answer to " + input }

// setStatus is a status as Ark's controller writes it.
func setStatus(q object, phase, completed, reason string, more map[string]any) {
	status, _ := q.Object["status"].(map[string]any)
	if status == nil {
		status = map[string]any{}
	}
	status["phase"] = phase
	status["conditions"] = []any{map[string]any{
		"type": "Completed", "status": completed, "reason": reason, "message": reason,
		"lastTransitionTime": time.Now().UTC().Format(time.RFC3339), "observedGeneration": q.GetGeneration(),
	}}
	for field, value := range more {
		status[field] = value
	}
	q.Object["status"] = status
}

// ignoreGone leaves conflicts to the work queue, as Ark's controller does, and ends what does not
// exist.
func ignoreGone(err error) error { return client.IgnoreNotFound(err) }

// taskReconciler completes tasks.
type taskReconciler struct{ client.Client }

// Reconcile implements reconcile.Reconciler.
func (r *taskReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	task := taskObject()
	if err := r.Get(ctx, request.NamespacedName, task); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if phase, _, _ := unstructured.NestedString(task.Object, "status", "phase"); phase == "completed" || !task.GetDeletionTimestamp().IsZero() {
		return reconcile.Result{}, nil
	}
	setStatus(task, "completed", "True", "TaskCompleted", nil)
	return reconcile.Result{}, client.IgnoreNotFound(r.Status().Update(ctx, task))
}

// askedReconciler answers a ConfigMap with the state of the caches.
type askedReconciler struct {
	client.Client
	live client.Reader
}

// Reconcile implements reconcile.Reconciler.
func (r *askedReconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	asked := &corev1.ConfigMap{}
	if err := r.Get(ctx, request.NamespacedName, asked); err != nil || asked.Labels[askedFor] == "" || asked.Data["report"] != "" {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	agent := &unstructured.Unstructured{}
	agent.SetGroupVersionKind(agents.GroupVersion().WithKind("Agent"))
	if err := r.DeleteAllOf(ctx, agent, client.InNamespace(request.Namespace), client.MatchingLabels{askedFor: "delete"}); err != nil {
		return reconcile.Result{}, err
	}
	report := map[string]string{}
	for _, list := range cachedLists() {
		stale, err := r.compare(ctx, list, request.Namespace)
		if err != nil {
			return reconcile.Result{}, err
		}
		kind := list.GetObjectKind().GroupVersionKind().Kind
		if len(stale) > 0 {
			return reconcile.Result{RequeueAfter: 200 * time.Millisecond}, saySoon(kind, stale)
		}
		report[kind] = "as the server"
	}
	text, err := json.Marshal(report)
	if err != nil {
		return reconcile.Result{}, err
	}
	asked.Data = map[string]string{"report": string(text)}
	return reconcile.Result{}, r.Update(ctx, asked)
}

// saySoon logs what is stale. A cache is behind for a moment after each write, so it is asked again
// until the test gives up.
func saySoon(kind string, stale []string) error {
	klog.InfoS("A cache differs from the server", "kind", kind, "objects", stale[:min(len(stale), 5)], "count", len(stale))
	return nil
}

// cachedLists are those of the kinds that the manager's caches hold, as unstructured objects or as
// types, as they are cached.
func cachedLists() []client.ObjectList {
	var all []client.ObjectList
	for _, o := range []object{queryObject(), taskObject()} {
		list := &unstructured.UnstructuredList{}
		gvk := o.GroupVersionKind()
		gvk.Kind += "List"
		list.SetGroupVersionKind(gvk)
		all = append(all, list)
	}
	for kind, list := range map[string]client.ObjectList{"ConfigMapList": &corev1.ConfigMapList{}, "SecretList": &corev1.SecretList{}, "ServiceList": &corev1.ServiceList{}} {
		list.GetObjectKind().SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
		all = append(all, list)
	}
	return all
}

// compare returns the objects of a kind that the cache has in another version than the server, or
// alone.
func (r *askedReconciler) compare(ctx context.Context, list client.ObjectList, namespace string) ([]string, error) {
	versions := func(from client.Reader) (map[string]string, error) {
		found, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok {
			return nil, errors.New("the copy of a list is none")
		}
		if err := from.List(ctx, found, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
		all := map[string]string{}
		err := eachItem(found, func(o client.Object) { all[o.GetName()] = o.GetResourceVersion() })
		return all, err
	}
	cached, err := versions(r.Client)
	if err != nil {
		return nil, err
	}
	served, err := versions(r.live)
	if err != nil {
		return nil, err
	}
	var stale []string
	for name, version := range served {
		if cached[name] != version {
			stale = append(stale, name)
		}
	}
	for name := range cached {
		if served[name] == "" {
			stale = append(stale, name)
		}
	}
	return stale, nil
}
