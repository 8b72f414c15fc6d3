package contract

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// garbage: what an owner leaves behind is collected as the deleter asks, across groups too.
func garbage(t *testing.T, p place) {
	other := p.of(kindNamed("Tool"))
	owned := func(owner object, short string) {
		t.Helper()
		other.create(t, short, func(o object) { o.SetOwnerReferences(ownedBy(owner)) })
		other.collectorCaughtUp(t, "after-"+short)
	}
	options := func(policy string) any {
		return map[string]any{"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
	}
	owned(p.create(t, "background"), "child-b")
	p.delete(t, "background", options("Background")).want(t, 200)
	p.gone(t, "background")
	eventually(t, "a child is collected in the background", func() bool { return p.get(t, other.path("child-b")).code == 404 })

	owned(p.create(t, "foreground"), "child-f")
	marked := p.delete(t, "foreground", options("Foreground")).want(t, 200).object(t)
	if marked.GetDeletionTimestamp() == nil || len(marked.GetFinalizers()) == 0 || marked.GetFinalizers()[0] != "foregroundDeletion" {
		t.Errorf("a foreground deletion marks nothing: %v", marked.Object["metadata"])
	}
	eventually(t, "the parent goes", func() bool { return p.get(t, p.path("foreground")).code == 404 })
	other.gone(t, "child-f")

	owned(p.create(t, "orphaning"), "child-o")
	p.delete(t, "orphaning", options("Orphan")).want(t, 200)
	eventually(t, "the parent goes", func() bool { return p.get(t, p.path("orphaning")).code == 404 })
	if left := other.read(t, "child-o"); len(left.GetOwnerReferences()) != 0 || left.GetDeletionTimestamp() != nil {
		t.Errorf("an orphan still has its owner: %v", left.Object["metadata"])
	}

	// Across groups: the child of a ConfigMap, and a ConfigMap as the child.
	configMaps := "/api/v1/namespaces/" + p.namespace + "/configmaps"
	configMap := func(name string, owners []metav1.OwnerReference) object {
		t.Helper()
		return p.do(t, request{method: "POST", path: configMaps, body: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "ownerReferences": owners},
		}}).want(t, 201).object(t)
	}
	if !p.kind.ClusterScoped { // Nothing in a namespace owns what is in none.
		parent := configMap("parent", nil)
		p.create(t, "child-of-core", func(o object) { o.SetOwnerReferences(ownedBy(parent)) })
		p.do(t, request{method: "DELETE", path: configMaps + "/parent"}).want(t, 200)
		eventually(t, "the child of a ConfigMap is collected", func() bool { return p.get(t, p.path("child-of-core")).code == 404 })
	}
	configMap("child", ownedBy(p.create(t, "parent-of-core")))
	p.delete(t, "parent-of-core", nil).want(t, 200)
	eventually(t, "a ConfigMap is collected", func() bool { return p.get(t, configMaps+"/child").code == 404 })
}

// collectorCaughtUp waits until the collector knows every object of the kind: one that is deleted
// in the foreground or orphaning takes along, or lets go, only what the collector has heard of by
// then. It has heard of all before a stray one that it collects.
func (p place) collectorCaughtUp(t *testing.T, stray string) {
	t.Helper()
	nobody := p.sample("nobody")
	nobody.SetUID(types.UID("00000000-0000-0000-0000-000000000000"))
	p.create(t, stray, func(o object) { o.SetOwnerReferences(ownedBy(nobody)) })
	eventually(t, "a stray object is collected", func() bool { return p.get(t, p.path(stray)).code == 404 })
}

func ownedBy(owner object) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID(), BlockOwnerDeletion: &yes}}
}
