package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// informer is client-go's, of a program that is not restarted all the while. Its watches end after
// some seconds, as those of real programs do after some minutes, so that the test need not wait as
// long.
type informer struct {
	store cache.Store
}

func (w *world) startInformer(t *testing.T) *informer {
	t.Helper()
	client, err := dynamic.NewForConfig(w.admin)
	if err != nil {
		t.Fatal(err)
	}
	queries := client.Resource(schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: "v1alpha1", Resource: "queries"})
	const seconds = int64(10)
	i := &informer{store: cache.NewStore(cache.MetaNamespaceKeyFunc)}
	reflector := cache.NewReflector(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return queries.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			timeout := seconds
			o.TimeoutSeconds = &timeout
			return queries.Watch(ctx, o)
		},
	}, &unstructured.Unstructured{}, i.store, 0)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { reflector.RunWithContext(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return i
}

// eventuallyHas waits until the informer has what the API has.
func (i *informer) eventuallyHas(t *testing.T, w *world) {
	t.Helper()
	eventually(t, "the informer that was never restarted", func() error {
		want := map[string]string{}
		for at, o := range w.snapshot(t) {
			if s := w.kindAt(at); s == "queries" {
				want[fmt.Sprint(metaOf(o)["namespace"], "/", metaOf(o)["name"])] = fmt.Sprint(metaOf(o)["uid"], metaOf(o)["generation"], o["status"])
			}
		}
		list := i.store.List()
		if len(list) != len(want) {
			return fmt.Errorf("%d queries, want %d", len(list), len(want))
		}
		for _, one := range list {
			o := one.(*unstructured.Unstructured)
			if got := fmt.Sprint(o.GetUID(), o.GetGeneration(), o.Object["status"]); got != want[o.GetNamespace()+"/"+o.GetName()] {
				return errors.New(o.GetName() + " is " + got)
			}
		}
		return nil
	})
}

// eventuallyAgrees is eventuallyHas while writers are held for a moment.
func (i *informer) eventuallyAgrees(t *testing.T, w *world, writers *writers) {
	t.Helper()
	writers.pause(true)
	defer writers.pause(false)
	i.eventuallyHas(t, w)
}
