package standalone

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// TestServices: a service has the address that it came with or none, and what would need a network
// is refused with what to do.
func TestServices(t *testing.T) {
	r := start(t, t.TempDir())
	ctx, services := t.Context(), r.core.CoreV1().Services("default")
	create := func(name string, spec corev1.ServiceSpec) (*corev1.Service, error) {
		spec.Ports = []corev1.ServicePort{{Port: 80}}
		return services.Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{})
	}
	for name, c := range map[string]struct {
		spec corev1.ServiceSpec
		ip   string
	}{
		"plain":    {corev1.ServiceSpec{Selector: map[string]string{"app": "a"}}, "None"},
		"bare":     {corev1.ServiceSpec{}, "None"},
		"headless": {corev1.ServiceSpec{ClusterIP: "None"}, "None"},
		"given":    {corev1.ServiceSpec{ClusterIP: "10.96.0.7"}, "10.96.0.7"},
		"outside":  {corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"}, ""},
	} {
		service, err := create(name, c.spec)
		if err != nil || service.Spec.ClusterIP != c.ip {
			t.Errorf("%s: %v, %v, want the address %q", name, service, err, c.ip)
			continue
		}
		// What was applied without an address can be written again.
		service.Labels = map[string]string{"again": "yes"}
		if c.ip == "None" {
			service.Spec.ClusterIP, service.Spec.ClusterIPs = "", nil
		}
		if service, err = services.Update(ctx, service, metav1.UpdateOptions{}); err != nil || service.Spec.ClusterIP != c.ip {
			t.Errorf("%s, again: %v, %v, want the address %q", name, service, err, c.ip)
		}
	}
	outside, err := services.Get(ctx, "outside", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	outside.Spec.Type, outside.Spec.ExternalName = corev1.ServiceTypeClusterIP, ""
	if outside, err = services.Update(ctx, outside, metav1.UpdateOptions{}); err != nil || outside.Spec.ClusterIP != "None" {
		t.Errorf("a service that is no ExternalName any more: %v, %v", outside, err)
	}
	for _, kind := range []corev1.ServiceType{corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer} {
		if _, err := create("refused", corev1.ServiceSpec{Type: kind}); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "no nodes and no load balancer: use ClusterIP") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if err := services.Delete(ctx, "given", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// TestEvents: an event is the same in both of its groups, goes after an hour by a lease, and
// controllers' warnings are among them.
func TestEvents(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	event, err := r.core.CoreV1().Events("default").Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "one"},
		InvolvedObject: corev1.ObjectReference{APIVersion: "ark.mckinsey.com/v1alpha1", Kind: "Query", Namespace: "default", Name: "q"},
		Reason:         "QueryExecutionStart", Message: "{}", Type: corev1.EventTypeNormal,
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	newer, err := r.core.EventsV1().Events("default").Get(ctx, "one", metav1.GetOptions{})
	if err != nil || newer.Reason != event.Reason || newer.Regarding.Name != "q" {
		t.Errorf("%v, %v", newer, err)
	}
	if list, err := r.core.CoreV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=q"}); err != nil || len(list.Items) != 1 {
		t.Errorf("%v, %v", list, err)
	}

	// The owner is in another namespace, which the garbage collector warns of.
	other := registrytest.Of("Agent").Object("default", "child")
	child := &unstructured.Unstructured{Object: other}
	config, err := r.core.CoreV1().ConfigMaps("kube-system").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	child.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: config.UID}})
	if _, err := r.objects.Resource(agents).Namespace("default").Create(ctx, child, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	soon(t, "the warning is an event", func() bool {
		list, err := r.core.CoreV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: "reason=OwnerRefInvalidNamespace"})
		return err == nil && len(list.Items) > 0
	})
}

// TestServiceAccounts: every namespace has its account, which comes back.
func TestServiceAccounts(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	accounts := r.core.CoreV1().ServiceAccounts("default")
	there := func() bool {
		_, err := accounts.Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	}
	soon(t, "the account is made", there)
	if err := accounts.Delete(ctx, "default", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	soon(t, "the account is back", there)
}

// TestQuota: a quota of objects holds for Ark's kinds and by the old names, and what is deleted is
// free again.
func TestQuota(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	one := *resource.NewQuantity(1, resource.DecimalSI)
	const agentCount = corev1.ResourceName("count/agents.ark.mckinsey.com")
	_, err := r.core.CoreV1().ResourceQuotas("default").Create(ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "few"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{agentCount: one, corev1.ResourceConfigMaps: one}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	used := func(name corev1.ResourceName) int64 {
		quota, err := r.core.CoreV1().ResourceQuotas("default").Get(ctx, "few", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		count, counted := quota.Status.Used[name]
		if !counted {
			return -1
		}
		return count.Value()
	}
	soon(t, "the objects are counted", func() bool { return used(agentCount) == 0 && used(corev1.ResourceConfigMaps) == 0 })
	client := r.objects.Resource(agents).Namespace("default")
	create := func(name string) error {
		_, err := client.Create(ctx, &unstructured.Unstructured{Object: registrytest.Of("Agent").Object("default", name)}, metav1.CreateOptions{})
		return err
	}
	if err := create("one"); err != nil {
		t.Fatal(err)
	}
	if err := create("two"); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "exceeded quota: few") {
		t.Errorf("one too many: %v", err)
	}
	if err := client.Delete(ctx, "one", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	soon(t, "the deleted one is free", func() bool { return used(agentCount) == 0 })
	soon(t, "there is room again", func() bool { return create("two") == nil })
	config := func(name string) error {
		_, err := r.core.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		return err
	}
	if err := config("one"); err != nil {
		t.Fatal(err)
	}
	if err := config("two"); !apierrors.IsForbidden(err) {
		t.Errorf("one config map too many: %v", err)
	}
}
