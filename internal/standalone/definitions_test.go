package standalone

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mckinsey/ark-server/internal/registry"
)

var (
	crdsResource        = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	apiServicesResource = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
)

// TestViews: what tools look for to find Ark can be read and watched, and not be written.
func TestViews(t *testing.T) {
	r := start(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range []struct {
		resource  schema.GroupVersionResource
		kind      string
		count     int
		name      string
		condition string
	}{
		{crdsResource, "CustomResourceDefinition", len(registry.Kinds()), "tools.ark.mckinsey.com", "Established"},
		{apiServicesResource, "APIService", 2, "v1alpha1.ark.mckinsey.com", "Available"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			client := r.objects.Resource(c.resource)
			list, err := client.List(ctx, metav1.ListOptions{})
			if err != nil || len(list.Items) != c.count || list.GetKind() != c.kind+"List" || list.GetResourceVersion() == "" {
				t.Fatalf("list: %v, %v", list, err)
			}
			one, err := client.Get(ctx, c.name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !isTrue(one, c.condition) || one.GetUID() == "" || one.GetResourceVersion() != list.GetResourceVersion() {
				t.Errorf("get: %v", one)
			}
			if _, err := client.Get(ctx, "foos.example.com", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("get another: %v", err)
			}
			selected, err := client.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + c.name})
			if err != nil || len(selected.Items) != 1 || selected.Items[0].GetName() != c.name {
				t.Errorf("list by name: %v, %v", selected, err)
			}
			object := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": c.resource.GroupVersion().String(), "kind": c.kind, "metadata": map[string]any{"name": "foos.example.com"},
			}}
			if _, err := client.Create(ctx, object, metav1.CreateOptions{}); !apierrors.IsMethodNotSupported(err) {
				t.Errorf("create: %v", err)
			}
			if err := client.Delete(ctx, c.name, metav1.DeleteOptions{}); !apierrors.IsMethodNotSupported(err) {
				t.Errorf("delete: %v", err)
			}

			// A watch from nothing begins with the objects, one from the list with nothing, and one from
			// elsewhere lists again.
			w, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + c.name})
			if err != nil {
				t.Fatal(err)
			}
			if e := <-w.ResultChan(); e.Type != watch.Added || e.Object.(*unstructured.Unstructured).GetName() != c.name {
				t.Errorf("watch: %v", e)
			}
			w.Stop()
			yes, seconds := true, int64(1)
			w, err = client.Watch(ctx, metav1.ListOptions{
				SendInitialEvents: &yes, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			for range c.count {
				if e := <-w.ResultChan(); e.Type != watch.Added {
					t.Errorf("watch with the present objects: %v", e)
				}
			}
			if e := <-w.ResultChan(); e.Type != watch.Bookmark || e.Object.(*unstructured.Unstructured).GetAnnotations()[metav1.InitialEventsAnnotationKey] != "true" {
				t.Errorf("the end of the present objects: %v", e)
			}
			w.Stop()
			w, err = client.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion(), TimeoutSeconds: &seconds})
			if err != nil {
				t.Fatal(err)
			}
			if e, open := <-w.ResultChan(); open {
				t.Errorf("watch from the list: %v", e)
			}
			if _, err := client.Watch(ctx, metav1.ListOptions{ResourceVersion: "7"}); !apierrors.IsResourceExpired(err) {
				t.Errorf("watch from elsewhere: %v", err)
			}
		})
	}
}

func isTrue(o *unstructured.Unstructured, condition string) bool {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, one := range conditions {
		if c, ok := one.(map[string]any); ok && c["type"] == condition {
			return c["status"] == "True"
		}
	}
	return false
}

// TestControllersOfAStoppedServer: a server that stops before its controllers have asked which
// kinds there are does without them. Upstream's controller would end the process.
func TestControllersOfAStoppedServer(t *testing.T) {
	r := start(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	controller, err := newNamespaceController(ctx, r.config, r.core, nil)
	if controller != nil || ignoreCanceled(err) != nil {
		t.Errorf("%v, %v", controller, err)
	}
}
