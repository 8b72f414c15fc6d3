package contract

import (
	"maps"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	schemas "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// serverKilled: what was acknowledged before a kill -9 is there after it, and clients that live on
// come to know it.
func serverKilled(t *testing.T, shared *server) {
	const writers, under = 32, 2 * time.Second
	s := shared.own(t)
	p := s.place(t, kindNamed("Query"))
	q := p.of(kindNamed("Agent"))
	q.create(t, "unharmed")
	stores := map[string]cache.Store{}
	client, err := dynamic.NewForConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	informers := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	for _, plural := range []string{"queries", "agents"} {
		informer := informers.ForResource(schemas.GroupVersionResource{Group: "ark.mckinsey.com", Version: "v1alpha1", Resource: plural}).Informer()
		stores[plural] = informer.GetStore()
	}
	informers.Start(t.Context().Done())
	t.Cleanup(informers.Shutdown)
	informers.WaitForCacheSync(t.Context().Done())

	stop := p.writers(t, writers, 0)
	time.Sleep(under)
	s.process.Kill()
	all := stop()
	s.process.Start(t)
	p.accounted(t, all)
	for _, where := range []place{p, q} {
		want := map[string]string{}
		for _, o := range where.list(t) {
			want[o.GetName()] = o.GetResourceVersion()
		}
		eventually(t, "the informer of "+where.kind.Plural+" holds what is there", func() bool {
			got := map[string]string{}
			for _, item := range stores[where.kind.Plural].List() {
				o := item.(*unstructured.Unstructured)
				got[o.GetName()] = o.GetResourceVersion()
			}
			return maps.Equal(got, want)
		})
	}
	after := p.create(t, "after")
	eventually(t, "the informer goes on", func() bool {
		item, found, err := stores["queries"].GetByKey(p.namespace + "/after")
		return err == nil && found && item.(*unstructured.Unstructured).GetResourceVersion() == after.GetResourceVersion()
	})
}
