package cluster

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/client-go/transport"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

var queriesResource = schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: "v1alpha1", Resource: "queries"}

// Two replicas on PostgreSQL behind the aggregator are replaced, all of them twice, under clients
// that write, read, list and watch with what client-go does by itself, and no more: retry where the
// server asks for it, resume a watch that has ended. They notice nothing: no request fails, none
// reads an older state than one before it, and no event is lost or comes twice.
func TestRollingRestart(t *testing.T) {
	const workers, rounds = 6, 2
	hosting, rollout := newRollout(t, engine.PostgreSQL)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	traffic := &traffic{}
	config := traffic.observe(hosting.Cluster.Config)
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	queries := client.Resource(queriesResource).Namespace("default")
	first, err := queries.List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	follower := follow(t, queries, first.GetResourceVersion())
	informer := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, "default", nil)
	store := informer.ForResource(queriesResource).Informer()
	if err := store.SetWatchErrorHandler(func(_ *cache.Reflector, err error) { traffic.fault("the informer's watch: " + err.Error()) }); err != nil {
		t.Fatal(err)
	}
	informer.Start(ctx.Done())
	informer.WaitForCacheSync(ctx.Done())

	var running sync.WaitGroup
	done := make(chan struct{})
	all := make([]*worker, workers)
	for i := range all {
		w := &worker{prefix: fmt.Sprintf("w%d", i), queries: queries, written: map[string]string{}, left: map[string]string{}}
		all[i] = w
		running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if err := w.life(ctx, n); err != nil {
					traffic.fault(fmt.Sprintf("worker %d: %v", i, err))
				}
			}
		})
	}
	// Not before requests have flowed, nor to the last replica's start only: to some time in service.
	traffic.wait(t, 100)
	for round := range rounds {
		for range rollout.Replicas() {
			replacing, cancel := context.WithTimeout(ctx, 3*patience)
			err := rollout.Replace(replacing)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			traffic.wait(t, 100)
		}
		t.Logf("after round %d: %s", round+1, traffic)
	}
	close(done)
	running.Wait()

	written, left := map[string]string{}, map[string]string{}
	for _, w := range all {
		maps.Copy(written, w.written)
		maps.Copy(left, w.left)
	}
	eventually(t, "the informer has what is there", func() error {
		got := map[string]string{}
		for _, item := range store.GetStore().List() {
			o := item.(*unstructured.Unstructured)
			got[o.GetName()] = o.GetResourceVersion()
		}
		if !maps.Equal(got, left) {
			return fmt.Errorf("%d objects, want %d", len(got), len(left))
		}
		return nil
	})
	follower.check(t, written)
	if faults := traffic.faults(); len(faults) > 0 {
		for _, fault := range faults[:min(len(faults), 20)] {
			t.Error(fault)
		}
		t.Errorf("%d faults in all", len(faults))
	}
	t.Logf("%d writes followed; %s", len(written), traffic)
	cancel()
	informer.Shutdown()
}

// newRollout starts a control plane and two replicas on a database server behind its aggregator.
func newRollout(t *testing.T, storage string) (*component.Hosting, *component.Rollout) {
	t.Helper()
	_, place := engine.Start(t, storage)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	c, err := component.StartCluster(ctx, component.ClusterOptions{Dir: dir, EndpointRouting: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	hosting, err := component.Host(ctx, c, dir)
	if err != nil {
		t.Fatal(err)
	}
	// With the server's own settings for a stop.
	rollout, err := component.NewRollout(ctx, hosting, 2, component.ArkOptions{Dir: dir, Storage: place.Flags()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rollout.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := hosting.Register(ctx); err != nil {
		t.Fatal(err)
	}
	if err := hosting.WaitServed(ctx); err != nil {
		t.Fatal(err)
	}
	return hosting, rollout
}

// worker takes one Query after the other through its life and holds every answer against those
// before.
type worker struct {
	prefix  string
	queries dynamic.ResourceInterface
	// written is what was acknowledged, by resourceVersion; left is what is there in the end, by name.
	written, left map[string]string
}

func (w *worker) life(ctx context.Context, n int) error {
	name := fmt.Sprintf("%s-%05d", w.prefix, n)
	o, err := w.queries.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Query", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"input": "Why is the sky blue", "selector": map[string]any{"matchLabels": map[string]any{"app": "any"}}},
	}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	w.wrote(o)
	for _, phase := range []string{"running", "done"} {
		o, err = w.queries.Patch(ctx, name, types.MergePatchType, fmt.Appendf(nil, `{"status":{"phase":%q}}`, phase), metav1.PatchOptions{}, "status")
		if err != nil {
			return fmt.Errorf("write the status: %w", err)
		}
		w.wrote(o)
		got, err := w.queries.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("get: %w", err)
		}
		if got.GetResourceVersion() != o.GetResourceVersion() {
			return fmt.Errorf("%s was acknowledged at %s and is read at %s", name, o.GetResourceVersion(), got.GetResourceVersion())
		}
	}
	list, err := w.queries.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	if len(list.Items) != 1 || list.Items[0].GetResourceVersion() != o.GetResourceVersion() {
		return fmt.Errorf("%s was acknowledged at %s and listed as %v", name, o.GetResourceVersion(), list.Items)
	}
	if n%2 == 1 {
		w.left[name] = o.GetResourceVersion()
		return nil
	}
	if err := w.queries.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

func (w *worker) wrote(o *unstructured.Unstructured) { w.written[o.GetResourceVersion()] = o.GetName() }

// traffic counts what happens to requests.
type traffic struct {
	answered, told, watches atomic.Int64

	mu  sync.Mutex
	bad []string
}

// observe is a client configuration whose requests are counted: every answer of 400 or more is a
// fault, but for one with Retry-After, and so is a connection that breaks.
func (f *traffic) observe(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.Wrap(transport.WrapperFunc(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			a, err := next.RoundTrip(r)
			what := r.Method + " " + r.URL.RequestURI()
			switch {
			case err != nil && r.Context().Err() == nil:
				f.fault(what + ": " + err.Error())
			case err != nil:
			case a.StatusCode == http.StatusTooManyRequests && a.Header.Get("Retry-After") != "":
				f.told.Add(1)
			case a.StatusCode >= 400:
				f.fault(fmt.Sprintf("%s: %s", what, a.Status))
			case r.URL.Query().Get("watch") != "":
				f.watches.Add(1)
			default:
				f.answered.Add(1)
			}
			return a, err
		})
	}))
	return config
}

func (f *traffic) fault(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad = append(f.bad, time.Now().Format("15:04:05.000 ")+text)
}

func (f *traffic) faults() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bad
}

// wait waits until so many more requests have been answered.
func (f *traffic) wait(t *testing.T, n int64) {
	t.Helper()
	before := f.answered.Load()
	eventually(t, "requests are answered", func() error {
		if got := f.answered.Load() - before; got < n {
			return fmt.Errorf("%d, want %d; faults %v", got, n, f.faults())
		}
		return nil
	})
}

func (f *traffic) String() string {
	return fmt.Sprintf("%d requests answered, %d told to come again, %d watches, %d faults", f.answered.Load(), f.told.Load(), f.watches.Load(), len(f.faults()))
}

// follower notes down every event of a watch that resumes by itself where it ended.
type follower struct {
	mu     sync.Mutex
	events []watch.Event
}

func follow(t *testing.T, queries dynamic.ResourceInterface, from string) *follower {
	t.Helper()
	w, err := watchtools.NewRetryWatcherWithContext(t.Context(), from, &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		return queries.Watch(ctx, o)
	}})
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{}
	var reading sync.WaitGroup
	reading.Go(func() {
		for e := range w.ResultChan() {
			f.mu.Lock()
			f.events = append(f.events, e)
			f.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		w.Stop()
		reading.Wait()
	})
	return f
}

// check waits for every write, by its resourceVersion, and holds the events to their order: one
// beyond another, none twice.
func (f *follower) check(t *testing.T, written map[string]string) {
	t.Helper()
	var events []watch.Event
	eventually(t, "the watcher has seen every write", func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		events = f.events
		seen := 0
		for _, e := range events {
			if o, ok := e.Object.(*unstructured.Unstructured); ok && e.Type != watch.Deleted && written[o.GetResourceVersion()] == o.GetName() {
				seen++
			}
		}
		if seen < len(written) {
			return fmt.Errorf("%d of %d", seen, len(written))
		}
		return nil
	})
	last := uint64(0)
	for i, e := range events {
		o, ok := e.Object.(*unstructured.Unstructured)
		if !ok || e.Type == watch.Error {
			t.Errorf("event %d is %v", i, e)
			continue
		}
		version, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
		if err != nil || version <= last {
			t.Errorf("event %d, %s of %s, is at %s after %d", i, e.Type, o.GetName(), o.GetResourceVersion(), last)
		}
		last = version
		if e.Type != watch.Deleted && written[o.GetResourceVersion()] != o.GetName() {
			t.Errorf("event %d is %s of %s at %s, which nobody was told", i, e.Type, o.GetName(), o.GetResourceVersion())
		}
	}
}
