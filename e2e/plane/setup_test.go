package plane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// patience bounds every wait for something that must happen; no test passes or fails by being
// faster.
const patience = 2 * time.Minute

var queries = schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: "v1alpha1", Resource: "queries"}

// plane is a standalone server with clients of its admin.
type plane struct {
	server  *component.ArkServer
	config  *rest.Config
	core    kubernetes.Interface
	objects dynamic.Interface
	kubectl *component.Kubectl
}

// start starts a server until the end of the test.
func start(t *testing.T, o component.ArkOptions) *plane {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	server, err := component.StartArk(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", server.Stderr())
		}
	})
	p := &plane{server: server, config: rest.CopyConfig(server.Config)}
	p.config.QPS = -1
	p.config.WarningHandler = rest.NoWarnings{}
	if p.core, err = kubernetes.NewForConfig(p.config); err != nil {
		t.Fatal(err)
	}
	if p.objects, err = dynamic.NewForConfig(p.config); err != nil {
		t.Fatal(err)
	}
	if p.kubectl, err = component.NewKubectl(server.Kubeconfig, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return p
}

// as returns the API as somebody sees it whom the admin impersonates.
func (p *plane) as(t *testing.T, name string, groups ...string) kubernetes.Interface {
	t.Helper()
	config := rest.CopyConfig(p.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: groups}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// token returns the API as the owner of a bearer token sees it.
func (p *plane) token(t *testing.T, token string) kubernetes.Interface {
	t.Helper()
	config := rest.AnonymousClientConfig(p.config)
	config.BearerToken = token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// namespace makes a namespace with a name of its own, whose label is what namespaceSelectors go by.
func (p *plane) namespace(t *testing.T) string {
	t.Helper()
	made, err := p.core.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "plane-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made.Name
}

// soon waits until there is no error, and reports the last one if it stays.
func soon(t *testing.T, what string, done func(ctx context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = done(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, errors.Join(err, last))
	}
}

// ok ends the test where there is an error.
func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// manifests decodes YAML with one or more documents.
func manifests(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for _, document := range strings.Split(text, "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(document), &o.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		all = append(all, o)
	}
	return all
}

// of is the client for an object's kind, in its namespace.
func (p *plane) of(o *unstructured.Unstructured) dynamic.ResourceInterface {
	resource, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
	if o.GetNamespace() == "" {
		return p.objects.Resource(resource)
	}
	return p.objects.Resource(resource).Namespace(o.GetNamespace())
}

// apply makes the objects of a manifest what it says, and deletes those without a namespace at the
// end of the test.
func (p *plane) apply(t *testing.T, text string) {
	t.Helper()
	for _, o := range manifests(t, text) {
		_, err := p.of(o).Apply(t.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "plane", Force: true})
		ok(t, "apply "+o.GetKind()+" "+o.GetName(), err)
		if o.GetNamespace() == "" {
			t.Cleanup(func() { p.remove(o) })
		}
	}
}

// remove deletes an object that may be gone.
func (p *plane) remove(o *unstructured.Unstructured) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = p.of(o).Delete(ctx, o.GetName(), metav1.DeleteOptions{}) // It may have been deleted by the test.
}

// run runs kubectl, which must succeed, and returns what it says.
func (p *plane) run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := p.try(t, stdin, args...)
	if r.Code != 0 {
		t.Fatalf("kubectl %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout + r.Stderr
}

// try runs kubectl and returns however it ended.
func (p *plane) try(t *testing.T, stdin string, args ...string) component.KubectlResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := p.kubectl.Run(ctx, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newQuery is a Query that can be created.
func newQuery(namespace, name string, labels map[string]string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Query",
		"spec": map[string]any{"input": "Why is the sky blue?", "selector": map[string]any{}},
	}}
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetLabels(labels)
	return o
}

// get reads a path, with an Accept header unless it is "", and returns the code and the body.
func (p *plane) get(ctx context.Context, path, accept string) (int, string, error) {
	request := p.core.CoreV1().RESTClient().Get().RequestURI(path)
	if accept != "" {
		request = request.SetHeader("Accept", accept)
	}
	var code int
	body, err := request.Do(ctx).StatusCode(&code).Raw()
	if code == 0 && err != nil {
		return 0, "", fmt.Errorf("get %s: %w", path, err)
	}
	return code, string(bytes.TrimSpace(body)), nil
}
