package standalone

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestDefinitions: CustomResourceDefinitions are in discovery, there are none, and none can be made.
func TestDefinitions(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	gvr := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	client := r.objects.Resource(gvr)
	list, err := client.List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) != 0 || list.GetKind() != "CustomResourceDefinitionList" || list.GetResourceVersion() == "" {
		t.Errorf("list: %v, %v", list, err)
	}
	if _, err := client.Get(ctx, "agents.ark.mckinsey.com", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("get: %v", err)
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "foos.example.com"},
	}}
	if _, err := client.Create(ctx, object, metav1.CreateOptions{}); !apierrors.IsMethodNotSupported(err) {
		t.Errorf("create: %v", err)
	}
	resources, err := r.core.Discovery().ServerResourcesForGroupVersion("apiextensions.k8s.io/v1")
	if err != nil || len(resources.APIResources) != 1 || resources.APIResources[0].Name != gvr.Resource {
		t.Errorf("discovery: %v, %v", resources, err)
	}
}

// TestControllersOfAStoppedServer: a server that stops before its controllers have asked which kinds there are does
// without them. Upstream's controller would end the process.
func TestControllersOfAStoppedServer(t *testing.T) {
	r := start(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	controller, err := newNamespaceController(ctx, r.config, r.core, nil)
	if controller != nil || ignoreCanceled(err) != nil {
		t.Errorf("%v, %v", controller, err)
	}
}
