package standalone

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// client returns the client for a kind, in the namespace default.
func (r *running) client(s registrytest.Sample) dynamic.ResourceInterface {
	c := r.objects.Resource(schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: s.Version, Resource: s.Plural})
	if s.ClusterScoped {
		return c
	}
	return c.Namespace("default")
}

// createNeeded makes what the sample refers to, in the namespace default, until
// the end of the test.
func (r *running) createNeeded(t *testing.T, s registrytest.Sample) {
	t.Helper()
	for _, content := range s.NeededObjects("default") {
		obj := &unstructured.Unstructured{Object: content}
		gvk := obj.GroupVersionKind()
		client := r.objects.Resource(gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind) + "s")).Namespace("default")
		if _, err := client.Create(context.Background(), obj, metav1.CreateOptions{}); err != nil {
			t.Fatalf("create what a %s needs: %v", s.Kind, err)
		}
		t.Cleanup(func() {
			if err := client.Delete(context.Background(), obj.GetName(), metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// The life of an object of every kind, as a client sees it.
func TestEveryKind(t *testing.T) {
	r := start(t, t.TempDir())
	for _, sample := range registrytest.Samples() {
		t.Run(sample.Kind, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			client := r.client(sample)
			r.createNeeded(t, sample)

			list, err := client.List(ctx, metav1.ListOptions{})
			if err != nil || len(list.Items) != 0 {
				t.Fatalf("list before: %v, %v", list, err)
			}
			events, err := client.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
			if err != nil {
				t.Fatal(err)
			}
			defer events.Stop()

			// C03, C04: created with a status, it has none, and generation 1.
			content := sample.Object("default", "one")
			content["status"] = sample.StatusValue()
			created, err := client.Create(ctx, &unstructured.Unstructured{Object: content}, metav1.CreateOptions{FieldManager: "test"})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "create", created, 1, false)
			expectEvent(t, events, watch.Added, created)

			// C08: writing the same again changes nothing.
			same, err := client.Update(ctx, created.DeepCopy(), metav1.UpdateOptions{FieldManager: "test"})
			if err != nil {
				t.Fatal(err)
			}
			if same.GetResourceVersion() != created.GetResourceVersion() {
				t.Errorf("a write without a change moved resourceVersion from %s to %s", created.GetResourceVersion(), same.GetResourceVersion())
			}

			// C04: a status write changes the status only.
			update := created.DeepCopy()
			update.Object["status"] = sample.StatusValue()
			update.SetLabels(map[string]string{"ignored": "yes"})
			withStatus, err := client.UpdateStatus(ctx, update, metav1.UpdateOptions{FieldManager: "controller"})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "status update", withStatus, 1, true)
			if len(withStatus.GetLabels()) != 0 {
				t.Errorf("the status update changed labels: %v", withStatus.GetLabels())
			}
			expectEvent(t, events, watch.Modified, withStatus)

			// C03: labels leave the generation, the spec moves it; both keep the status.
			labelled, err := client.Patch(ctx, "one", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}},"status":null}`), metav1.PatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "label patch", labelled, 1, true)
			expectEvent(t, events, watch.Modified, labelled)
			patched, err := client.Patch(ctx, "one", types.MergePatchType, []byte(`{"spec":`+sample.Changed+`}`), metav1.PatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "spec patch", patched, 2, true)
			expectEvent(t, events, watch.Modified, patched)

			// C07: what the client read before is too old now.
			if _, err := client.Update(ctx, created, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
				t.Errorf("a stale update: got %v, want a conflict", err)
			}

			// C09: applied twice by one manager, no conflict; by another, one.
			applied := sample.Object("default", "two")
			applied["status"] = sample.StatusValue()
			text, err := json.Marshal(applied)
			if err != nil {
				t.Fatal(err)
			}
			var version string
			for range 2 {
				obj, err := client.Patch(ctx, "two", types.ApplyPatchType, text, metav1.PatchOptions{FieldManager: "applier"})
				if err != nil {
					t.Fatalf("apply: %v", err)
				}
				expect(t, "apply", obj, 1, false)
				if version == "" {
					expectEvent(t, events, watch.Added, obj)
				} else if obj.GetResourceVersion() != version {
					t.Error("applying the same again changed the object")
				}
				version = obj.GetResourceVersion()
			}

			selected, err := client.List(ctx, metav1.ListOptions{LabelSelector: "a=b", FieldSelector: "metadata.name=one"})
			if err != nil || len(selected.Items) != 1 {
				t.Errorf("selected list: %v, %v", selected, err)
			}
			// C17: a selector that is not known is refused, not ignored.
			if _, err := client.List(ctx, metav1.ListOptions{FieldSelector: "spec.unknown=x"}); !apierrors.IsBadRequest(err) {
				t.Errorf("an unknown field selector: got %v, want 400", err)
			}
			// C10: strict validation refuses unknown fields.
			unknown := sample.Object("default", "three")
			unknown["spec"].(map[string]any)["unknown"] = 1
			if _, err := client.Create(ctx, &unstructured.Unstructured{Object: unknown}, metav1.CreateOptions{FieldValidation: "Strict"}); !apierrors.IsBadRequest(err) {
				t.Errorf("an unknown field: got %v, want 400", err)
			}
			// C06: a dry run leaves no trace.
			dry := &unstructured.Unstructured{Object: sample.Object("default", "dry")}
			if _, err := client.Create(ctx, dry, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
				t.Errorf("a dry run: %v", err)
			}
			if _, err := client.Get(ctx, "dry", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("after a dry run: got %v, want not found", err)
			}
			// A PUT to a missing object creates nothing.
			missing := &unstructured.Unstructured{Object: sample.Object("default", "missing")}
			missing.SetResourceVersion("1")
			if _, err := client.Update(ctx, missing, metav1.UpdateOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("an update of a missing object: got %v, want not found", err)
			}

			if err := client.Delete(ctx, "one", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			gone := receive(t, events)
			if gone.Type != watch.Deleted || gone.Object.(*unstructured.Unstructured).GetName() != "one" {
				t.Errorf("got %v, want the deletion of one", gone)
			}
			if err := client.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
				t.Fatal(err)
			}
			if list, err = client.List(ctx, metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
				t.Errorf("list after: %v, %v", list, err)
			}
		})
	}
}

func expect(t *testing.T, what string, obj *unstructured.Unstructured, generation int64, status bool) {
	t.Helper()
	if obj.GetGeneration() != generation {
		t.Errorf("%s: the generation is %d, want %d", what, obj.GetGeneration(), generation)
	}
	if _, found := obj.Object["status"]; found != status {
		t.Errorf("%s: status is %v, want one: %t", what, obj.Object["status"], status)
	}
}

func receive(t *testing.T, events watch.Interface) watch.Event {
	t.Helper()
	select {
	case event, ok := <-events.ResultChan():
		if !ok {
			t.Fatal("the watch ended")
		}
		return event
	case <-time.After(30 * time.Second):
		t.Fatal("no event came")
	}
	return watch.Event{}
}

func expectEvent(t *testing.T, events watch.Interface, kind watch.EventType, obj *unstructured.Unstructured) {
	t.Helper()
	event := receive(t, events)
	got, ok := event.Object.(*unstructured.Unstructured)
	if !ok || event.Type != kind || got.GetResourceVersion() != obj.GetResourceVersion() {
		t.Errorf("got the event %s %v, want %s of %s at %s", event.Type, event.Object, kind, obj.GetName(), obj.GetResourceVersion())
	}
}
