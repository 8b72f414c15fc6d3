package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

const (
	inNamespace = 1000
	makers      = 8
)

func (c *cluster) makeNamespace(t *testing.T, name string) {
	t.Helper()
	if _, err := c.core.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	// What the samples refer to, core objects first.
	for _, core := range []bool{true, false} {
		for _, sample := range registrytest.Samples() {
			for _, needed := range sample.NeededObjects(name) {
				o := &unstructured.Unstructured{Object: needed}
				resource, isCore := resourceOf(o)
				if isCore != core {
					continue
				}
				_, err := c.objects.Resource(resource).Namespace(name).Create(t.Context(), o, metav1.CreateOptions{})
				if err != nil && !apierrors.IsAlreadyExists(err) {
					t.Fatal(err)
				}
			}
		}
	}
}

// create makes objects, several at a time.
func (c *cluster) create(t *testing.T, resource schema.GroupVersionResource, objects ...object) []object {
	t.Helper()
	made := make([]object, len(objects))
	var g errgroup.Group
	g.SetLimit(makers)
	for i, o := range objects {
		g.Go(func() (err error) {
			made[i], err = c.objects.Resource(resource).Namespace(o.GetNamespace()).Create(t.Context(), o, metav1.CreateOptions{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return made
}

// left returns how many objects there are in a namespace, of every resource that discovery names
// and that can be deleted: revisions, which cannot, stay as long as the history keeps them, and the
// server's own reports are in every namespace.
func (c *cluster) left(ctx context.Context, namespace string) (map[string]int, int, error) {
	lists, err := c.core.Discovery().ServerPreferredNamespacedResources()
	if err != nil {
		return nil, 0, err
	}
	found, total := map[string]int{}, 0
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "delete") {
				continue
			}
			objects, err := c.objects.Resource(gv.WithResource(r.Name)).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: "!records.ark.mckinsey.com/ready"})
			if err != nil {
				return nil, 0, err
			}
			if n := len(objects.Items); n > 0 {
				found[r.Name+"."+gv.Group] = n
				total += n
			}
		}
	}
	return found, total, nil
}

// TestNamespaceOfThousand: a namespace with 1,000 objects of all kinds is deleted completely, also
// when the server is killed in the middle of it.
func TestNamespaceOfThousand(t *testing.T) {
	c := start(t)
	kinds := append(arkKinds(), coreKinds()...)
	for _, killed := range kills() {
		namespace := fmt.Sprintf("thousand-%t", killed)
		c.makeNamespace(t, namespace)
		for i, kind := range kinds {
			var all []object
			for n := i; n < inNamespace; n += len(kinds) {
				all = append(all, kind.make(namespace, numbered("o", n)))
			}
			if killed && kind.resource == tools {
				// It keeps the namespace until the test takes it off, so that the kill is always in the middle.
				all[0].SetFinalizers([]string{"example.com/hold"})
			}
			c.create(t, kind.resource, all...)
		}
		found, total, err := c.left(t.Context(), namespace)
		if err != nil || total < inNamespace || len(found) < len(kinds) {
			t.Fatalf("there are %d objects: %v, %v", total, found, err)
		}
		began := time.Now()
		if err := c.core.CoreV1().Namespaces().Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if killed {
			c.killWhileDeleting(t, namespace, found["configmaps."])
		}
		eventually(t, patience, func(ctx context.Context) error {
			there, err := c.core.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return err
			}
			return fmt.Errorf("the namespace is still there: %v", there.Status.Conditions)
		})
		t.Logf("killed in the middle: %t: %d objects and their namespace were gone after %s", killed, total, time.Since(began).Round(10*time.Millisecond))
		if found, total, err := c.left(t.Context(), namespace); err != nil || total != 0 {
			t.Errorf("left: %v, %v", found, err)
		}
	}
}

// killWhileDeleting kills the server once something is gone, starts it, and lets go the last
// object.
func (c *cluster) killWhileDeleting(t *testing.T, namespace string, configMaps int) {
	t.Helper()
	eventually(t, patience, func(ctx context.Context) error {
		list, err := c.objects.Resource(configs).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(list.Items) == configMaps {
			return errors.New("nothing is gone yet")
		}
		return nil
	})
	c.Kill()
	c.restart(t)
	found, now, err := c.left(t.Context(), namespace)
	if err != nil || now == 0 {
		t.Fatalf("after the kill: %v, %v", found, err)
	}
	t.Logf("after the kill %d objects are left: %v", now, found)
	held := c.objects.Resource(tools).Namespace(namespace)
	eventually(t, patience, func(ctx context.Context) error {
		list, err := held.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, o := range list.Items {
			if len(o.GetFinalizers()) > 0 && o.GetDeletionTimestamp() != nil {
				o.SetFinalizers(nil)
				_, err := held.Update(ctx, &o, metav1.UpdateOptions{})
				return err
			}
		}
		return errors.New("the last object is not being deleted")
	})
}
