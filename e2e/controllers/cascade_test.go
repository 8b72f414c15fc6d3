package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

const (
	parentsEach  = 10 // of each of two kinds
	childrenEach = 2  // of each of the kinds, of each parent
)

// family is parents of Ark's and of core kinds, with children of both.
type family struct {
	namespace string
	parents   map[schema.GroupVersionResource][]string
	children  map[schema.GroupVersionResource]int
}

// kindsOf returns the kinds of resources.
func kindsOf(resources ...schema.GroupVersionResource) []kind {
	var all []kind
	for _, resource := range resources {
		for _, k := range append(arkKinds(), coreKinds()...) {
			if k.resource == resource {
				all = append(all, k)
			}
		}
	}
	return all
}

func (c *cluster) makeFamily(t *testing.T, namespace string) family {
	t.Helper()
	c.makeNamespace(t, namespace)
	f := family{namespace, map[schema.GroupVersionResource][]string{}, map[schema.GroupVersionResource]int{}}
	childKinds := kindsOf(tools, queries, secrets, roles, accounts)
	children := map[schema.GroupVersionResource][]object{}
	for _, k := range kindsOf(agents, configs) {
		var parents []object
		for i := range parentsEach {
			parents = append(parents, k.make(namespace, numbered("parent", i)))
		}
		for _, parent := range c.create(t, k.resource, parents...) {
			f.parents[k.resource] = append(f.parents[k.resource], parent.GetName())
			for _, child := range childKinds {
				for i := range childrenEach {
					o := child.make(namespace, numbered(k.resource.Resource+"-"+parent.GetName(), i))
					ownedBy(o, parent)
					children[child.resource] = append(children[child.resource], o)
				}
			}
		}
	}
	for resource, all := range children {
		f.children[resource] = len(all)
		c.create(t, resource, all...)
	}
	// What is deleted in the foreground or orphaning concerns the children that the collector has
	// heard of. It has heard of all before a stray one of the same kind that it collects.
	for _, child := range childKinds {
		nobody := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "nobody"}}}
		nobody.SetUID(types.UID("00000000-0000-0000-0000-000000000000"))
		stray := child.make(namespace, "stray")
		ownedBy(stray, nobody)
		c.create(t, child.resource, stray)
		c.goes(t, child.resource, namespace, "stray")
	}
	return f
}

func (c *cluster) goes(t *testing.T, resource schema.GroupVersionResource, namespace, name string) {
	t.Helper()
	eventually(t, patience, func(ctx context.Context) error {
		_, err := c.objects.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(fmt.Errorf("%s %s is still there", resource.Resource, name), err)
	})
}

// owned returns how many children there are, and how many of them have an owner.
func (c *cluster) owned(ctx context.Context, f family) (there, owned int, err error) {
	for resource := range f.children {
		list, err := c.objects.Resource(resource).Namespace(f.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return 0, 0, err
		}
		for _, o := range list.Items {
			if !strings.Contains(o.GetName(), "-parent-") {
				continue
			}
			there++
			owned += len(o.GetOwnerReferences())
		}
	}
	return there, owned, nil
}

// TestCascades: deletions in the background, in the foreground and orphaning go through Ark's and
// core kinds, also when the server is killed after they were acknowledged.
func TestCascades(t *testing.T) {
	c := start(t)
	for _, killed := range kills() {
		var families []family
		policies := []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan}
		for _, policy := range policies {
			families = append(families, c.makeFamily(t, fmt.Sprintf("%s-%t", strings.ToLower(string(policy)), killed)))
		}
		began := time.Now()
		for i, f := range families {
			for resource, names := range f.parents {
				for _, name := range names {
					if err := c.objects.Resource(resource).Namespace(f.namespace).Delete(t.Context(), name, metav1.DeleteOptions{PropagationPolicy: &policies[i]}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if killed {
			c.Kill()
			c.restart(t)
		}
		for i, f := range families {
			all := 0
			for _, n := range f.children {
				all += n
			}
			what := fmt.Sprintf("%s, killed %t", policies[i], killed)
			for resource, names := range f.parents {
				for _, name := range names {
					c.goes(t, resource, f.namespace, name)
				}
			}
			switch policies[i] {
			case metav1.DeletePropagationForeground:
				// The parents go last.
				if there, _, err := c.owned(t.Context(), f); err != nil || there != 0 {
					t.Errorf("%s: the parents are gone, and %d of %d children are there, %v", what, there, all, err)
				}
			case metav1.DeletePropagationBackground:
				eventually(t, patience, func(ctx context.Context) error {
					there, _, err := c.owned(ctx, f)
					if err == nil && there > 0 {
						err = fmt.Errorf("%s: %d of %d children are left", what, there, all)
					}
					return err
				})
			case metav1.DeletePropagationOrphan:
				if there, owned, err := c.owned(t.Context(), f); err != nil || there != all || owned != 0 {
					t.Errorf("%s: %d of %d children are there, %d with an owner, %v", what, there, all, owned, err)
				}
			}
		}
		t.Logf("killed after the deletions: %t: %d parents with %d children each, three times, were dealt with after %s",
			killed, 2*parentsEach, 5*childrenEach, time.Since(began).Round(10*time.Millisecond))
	}
}
