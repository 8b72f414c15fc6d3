package plane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// TestNoPods: what kubectl, Helm and clients say where a cluster would have pods.
// docs/standalone.md quotes them.
func TestNoPods(t *testing.T) {
	p := start(t, component.ArkOptions{})
	const sentence = "it is a standalone Ark server, which keeps Ark's objects and what they need, and runs no workloads; use a Kubernetes cluster for those"
	for command, want := range map[string]string{
		"get pods":                           `error: the server doesn't have a resource type "pods"`,
		"get deployments,jobs":               `error: the server doesn't have a resource type "deployments"`,
		"run web --image=nginx":              `no matches for kind "Pod" in version "v1"`,
		"create deployment web --image=x":    "this server has no deployments.apps: " + sentence,
		"create job one --image=x":           "this server has no jobs.batch: " + sentence,
		"create ingress web --rule=a/b=c:80": "this server has no ingresses.networking.k8s.io: " + sentence,
		"cordon one":                         `error: the server doesn't have a resource type "nodes"`,
		"top pods":                           "Metrics API not available",
		"logs web":                           `error: the server doesn't have a resource type "pods"`,
		"exec web -- ls":                     `error: the server doesn't have a resource type "pods"`,
		"port-forward pod/web 80":            `the server doesn't have a resource type "pod"`,
		"get --raw /api/v1/pods":             "this server has no pods: " + sentence,
		"get --raw /apis/apps/v1/daemonsets": "this server has no daemonsets.apps: " + sentence,
	} {
		t.Run(command, func(t *testing.T) {
			r := p.try(t, "", strings.Fields(command)...)
			if r.Code == 0 || !strings.Contains(r.Stderr, want) {
				t.Errorf("exit code %d, %s%s, want %q", r.Code, r.Stdout, r.Stderr, want)
			}
		})
	}
	t.Run("apply", func(t *testing.T) {
		const both = `{apiVersion: v1, kind: ConfigMap, metadata: {name: beside}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}}}
`
		r := p.try(t, both, "apply", "-f", "-")
		if r.Code == 0 || !strings.Contains(r.Stdout, "configmap/beside created") || !strings.Contains(r.Stderr, `no matches for kind "Deployment" in version "apps/v1"`) {
			t.Errorf("%+v", r)
		}
	})
	t.Run("helm", func(t *testing.T) {
		chart := t.TempDir()
		ok(t, "make a chart", os.Mkdir(filepath.Join(chart, "templates"), 0o700))
		for name, text := range map[string]string{
			"Chart.yaml":         "{apiVersion: v2, name: web, version: 1.0.0}\n",
			"templates/web.yaml": "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n",
		} {
			ok(t, "write a chart", os.WriteFile(filepath.Join(chart, name), []byte(text), 0o600))
		}
		helm, err := component.NewHelm(p.server.Kubeconfig, t.TempDir())
		ok(t, "find helm", err)
		r, err := helm.Run(t.Context(), "install", "web", chart)
		if err != nil || r.Code == 0 || !strings.Contains(r.Stderr, `no matches for kind "Deployment" in version "apps/v1"`) {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("client", func(t *testing.T) {
		_, err := p.core.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}}, metav1.CreateOptions{})
		if !apierrors.IsNotFound(err) || !strings.HasSuffix(err.Error(), sentence) {
			t.Error(err)
		}
	})
	t.Run("discovery", func(t *testing.T) {
		for _, path := range []string{"/api/v1", "/apis"} {
			if code, text, err := p.get(t.Context(), path, ""); err != nil || code != 200 || strings.Contains(text, `"pods"`) || strings.Contains(text, `"apps"`) {
				t.Errorf("%s: %d %s, %v", path, code, text, err)
			}
		}
	})
}

// TestLimitRange: a LimitRange is kept, and neither refuses nor changes an object of Ark's kinds.
func TestLimitRange(t *testing.T) {
	p := start(t, component.ArkOptions{})
	w := p.writer(t, p.namespace(t))
	few := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m"), corev1.ResourceMemory: resource.MustParse("1Mi")}
	made, err := p.core.CoreV1().LimitRanges(w.namespace).Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "few"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{
			{Type: corev1.LimitTypeContainer, Max: few, Default: few, DefaultRequest: few},
			{Type: corev1.LimitTypePod, Max: few},
			{Type: "ark.mckinsey.com/Query", Max: corev1.ResourceList{"count/queries.ark.mckinsey.com": resource.MustParse("0")}},
		}},
	}, metav1.CreateOptions{})
	ok(t, "create a LimitRange", err)
	free := p.namespace(t)
	for i := range 3 {
		name := fmt.Sprint("query-", i)
		limited, err := w.post(name, nil, false)
		ok(t, "create a query", err)
		other, err := p.objects.Resource(queries).Namespace(free).Create(t.Context(), newQuery(free, name, nil), metav1.CreateOptions{})
		ok(t, "create a query elsewhere", err)
		if got, want := fmt.Sprint(limited.Object["spec"], limited.GetAnnotations()), fmt.Sprint(other.Object["spec"], other.GetAnnotations()); got != want {
			t.Errorf("in the namespace with a LimitRange %s, elsewhere %s", got, want)
		}
	}
	read, err := p.core.CoreV1().LimitRanges(w.namespace).Get(t.Context(), "few", metav1.GetOptions{})
	if err != nil || len(read.Spec.Limits) != 3 || read.UID != made.UID {
		t.Errorf("%v, %v", read, err)
	}
}

// TestControllersWarn: what upstream's controllers find wrong arrives as an event of the object.
func TestControllersWarn(t *testing.T) {
	p := start(t, component.ArkOptions{})
	w := p.writer(t, p.namespace(t))
	owner, err := p.core.CoreV1().ConfigMaps(p.namespace(t)).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}, metav1.CreateOptions{})
	ok(t, "create the owner", err)
	query := newQuery(w.namespace, "child", nil)
	query.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}})
	query, err = p.of(query).Create(t.Context(), query, metav1.CreateOptions{})
	ok(t, "create the query", err)
	soon(t, "the warning arrives", func(ctx context.Context) error {
		list, err := p.core.CoreV1().Events(w.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=OwnerRefInvalidNamespace,involvedObject.kind=Query,involvedObject.name=child"})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list.Items, func(e corev1.Event) bool {
			return e.Type == corev1.EventTypeWarning && e.InvolvedObject.UID == query.GetUID() && e.Source.Component == "garbage-collector-controller" && strings.Contains(e.Message, string(owner.UID))
		}) {
			return fmt.Errorf("the events are %v", list.Items)
		}
		return nil
	})
	if text := p.run(t, "", "-n", w.namespace, "events", "--for=query/child"); !strings.Contains(text, "OwnerRefInvalidNamespace") {
		t.Errorf("kubectl events: %s", text)
	}
}
