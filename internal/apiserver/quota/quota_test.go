package quota

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

const queriesCount = "count/queries.ark.mckinsey.com"

func quotaOf(namespace string, hard int64) *corev1.ResourceQuota {
	list := func(n int64) corev1.ResourceList {
		return corev1.ResourceList{queriesCount: *resource.NewQuantity(n, resource.DecimalSI)}
	}
	return &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "q", ResourceVersion: "1"},
		Spec: corev1.ResourceQuotaSpec{Hard: list(hard)}, Status: corev1.ResourceQuotaStatus{Hard: list(hard), Used: list(0)}}
}

// startQuota returns the plugin with informers that follow one client and updates that go to
// another.
func startQuota(tb testing.TB, follow, update kubernetes.Interface, config string) *plugin {
	tb.Helper()
	a, err := newPlugin(nil, update)
	if config != "" {
		a, err = newPlugin(strings.NewReader(config), update)
	}
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	factory := informers.NewSharedInformerFactory(follow, 0)
	a.SetDrainedNotification(ctx.Done())
	a.SetExternalKubeClientSet(follow)
	a.SetExternalKubeInformerFactory(factory)
	Configuration{}.Initialize(a)
	if err := a.ValidateInitialization(); err != nil {
		tb.Fatal(err)
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return a
}

// creation is one of an Ark object, by its plural such as queries/status.
func creation(namespace, resource string, operation admission.Operation, dryRun bool) admission.Attributes {
	resource, subresource, _ := strings.Cut(resource, "/")
	return admission.NewAttributesRecord(&v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "n"}}, nil,
		v1alpha1.SchemeGroupVersion.WithKind("Query"), namespace, "n", v1alpha1.SchemeGroupVersion.WithResource(resource), subresource, operation, nil, dryRun, nil)
}

// optimistic has a fake client refuse updates of another version than the newest, as an API server
// does.
func optimistic(client *fake.Clientset, namespace string) (used func() int64, updates *atomic.Int32) {
	updates = &atomic.Int32{}
	var mu sync.Mutex
	version, newest := 1, int64(0)
	client.PrependReactor("update", "resourcequotas", func(action clienttesting.Action) (bool, runtime.Object, error) {
		updates.Add(1)
		mu.Lock()
		defer mu.Unlock()
		quota := action.(clienttesting.UpdateAction).GetObject().(*corev1.ResourceQuota).DeepCopy()
		if quota.Namespace != namespace || quota.ResourceVersion != fmt.Sprint(version) {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "resourcequotas"}, quota.Name, errors.New("not the newest"))
		}
		version++
		quota.ResourceVersion = fmt.Sprint(version)
		count := quota.Status.Used[queriesCount]
		newest = count.Value()
		return true, quota, client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("resourcequotas"), quota, namespace)
	})
	return func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return newest
	}, updates
}

// However many create at once, through two replicas, as many get through as the quota allows, and a
// dry run uses nothing.
func TestQuotaIsNeverExceeded(t *testing.T) {
	const hard, creators = 20, 100
	client := fake.NewClientset(quotaOf("a", hard))
	used, _ := optimistic(client, "a")
	replicas := []*plugin{startQuota(t, client, client, ""), startQuota(t, client, client, "")}
	var admitted, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range creators {
		wg.Go(func() {
			err := replicas[i%2].Validate(t.Context(), creation("a", "queries", admission.Create, i%10 == 0), nil)
			switch {
			case i%10 == 0: // a dry run may be in time or not
			case err == nil:
				admitted.Add(1)
			case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota: q"):
				refused.Add(1)
			default:
				t.Errorf("creation %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if admitted.Load() != hard || used() != hard {
		t.Errorf("%d of %d admitted, %d refused, %d used, want %d", admitted.Load(), creators, refused.Load(), used(), hard)
	}
	if err := replicas[0].Validate(t.Context(), creation("a", "queries", admission.Create, true), nil); !apierrors.IsForbidden(err) {
		t.Errorf("a dry run at the limit: %v", err)
	}
}

// What changes no count asks nothing: updates, statuses, other namespaces and what the quota does
// not count.
func TestQuotaAsksNothingElsewhere(t *testing.T) {
	client := fake.NewClientset(quotaOf("a", 0))
	_, updates := optimistic(client, "a")
	a := startQuota(t, client, client, "")
	for name, attributes := range map[string]admission.Attributes{
		"another namespace": creation("b", "queries", admission.Create, false),
		"no namespace":      creation("", "arkconfigs", admission.Create, false),
		"another kind":      creation("a", "agents", admission.Create, false),
		"a status":          creation("a", "queries/status", admission.Create, false),
	} {
		if err := a.Validate(t.Context(), attributes, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.Handles(admission.Update) || a.Handles(admission.Delete) || !a.Handles(admission.Create) {
		t.Error("more than creations are judged, or not those")
	}
	if n := updates.Load(); n != 0 {
		t.Errorf("%d updates", n)
	}
	if err := a.Validate(t.Context(), creation("a", "queries", admission.Create, false), nil); !apierrors.IsForbidden(err) {
		t.Errorf("beyond the quota: %v", err)
	}
}

// A configuration that demands a quota holds in namespaces without one too.
func TestQuotaThatIsDemanded(t *testing.T) {
	client := fake.NewClientset()
	a := startQuota(t, client, client, `{"apiVersion":"apiserver.config.k8s.io/v1","kind":"ResourceQuotaConfiguration","limitedResources":[{"apiGroup":"ark.mckinsey.com","resource":"queries","matchContains":["count/queries"]}]}`)
	if err := a.Validate(t.Context(), creation("b", "queries", admission.Create, false), nil); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "insufficient quota") {
		t.Errorf("got %v", err)
	}
}

// When the quota cannot be written the creation fails, within a bounded time, with the reason and
// what to do.
func TestQuotaFailures(t *testing.T) {
	quotas := schema.GroupResource{Resource: "resourcequotas"}
	failing := func(err error, times int) kubernetes.Interface {
		client := fake.NewClientset(quotaOf("a", 1))
		optimistic(client, "a")
		client.PrependReactor("update", "resourcequotas", func(clienttesting.Action) (bool, runtime.Object, error) {
			times--
			return times >= 0, nil, err
		})
		return client
	}
	ended := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	defer silent.Close()
	defer close(ended)
	away, err := kubernetes.NewForConfig(&rest.Config{Host: silent.URL, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	forbidden := apierrors.NewForbidden(quotas, "q", errors.New(`User "ark" cannot update resource "resourcequotas/status"`))
	conflict := apierrors.NewConflict(quotas, "q", errors.New("not the newest"))
	const always = 1000
	for _, c := range []struct {
		name   string
		client kubernetes.Interface
		code   int32
		text   string
	}{
		{"conflicts that end", failing(conflict, 9), 0, ""},
		{"conflicts without end", failing(conflict, always), 503, `the quota of namespace "a" cannot be used at the moment, try again`},
		{"no right", failing(forbidden, always), 500, "grant it update on resourcequotas/status"},
		{"no answer", away, 503, "try again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := startQuota(t, fake.NewClientset(quotaOf("a", 1)), c.client, "")
			err := a.Validate(t.Context(), creation("a", "queries", admission.Create, false), nil)
			var status *apierrors.StatusError
			switch {
			case c.code == 0 && err != nil:
				t.Errorf("got %v", err)
			case c.code != 0 && (!errors.As(err, &status) || status.ErrStatus.Code != c.code || !strings.Contains(err.Error(), c.text)):
				t.Errorf("got %v, want %d with %q", err, c.code, c.text)
			}
		})
	}
}

// A creation in a namespace without a quota, here and in the stock plugin.
func BenchmarkNoQuota(b *testing.B) {
	client := fake.NewClientset(quotaOf("a", 1))
	a := startQuota(b, client, client, "")
	attributes := creation("b", "queries", admission.Create, false)
	for name, plugin := range map[string]admission.ValidationInterface{"here": a, "stock": a.QuotaAdmission} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := plugin.Validate(context.Background(), attributes, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
