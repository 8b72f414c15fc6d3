package contract

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func preconditions(t *testing.T, p place) {
	const foreign = "00000000-0000-0000-0000-000000000001"
	options := func(name, value string) any {
		return map[string]any{"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": map[string]any{name: value}}
	}
	old := p.create(t, "one")
	one := p.label(t, "one", "a", "b")

	usual := fmt.Sprintf("Operation cannot be fulfilled on %s.ark.mckinsey.com %q: the object has been modified; please apply your changes to the latest version and try again", p.kind.Plural, p.name("one"))
	p.put(t, p.changed(old)).refused(t, 409, metav1.StatusReasonConflict, usual)
	p.putStatus(t, p.withStatus(old)).refused(t, 409, metav1.StatusReasonConflict, usual)
	p.patch(t, "one", mergePatch, map[string]any{"metadata": map[string]any{"resourceVersion": old.GetResourceVersion(), "labels": map[string]any{"c": "d"}}}).
		refused(t, 409, metav1.StatusReasonConflict, usual)
	p.patch(t, "one", jsonPatch, `[{"op":"test","path":"/metadata/labels/a","value":"other"},{"op":"remove","path":"/metadata/labels/a"}]`).
		refused(t, 422, metav1.StatusReasonInvalid)
	foreigner := p.changed(one)
	foreigner.SetUID(foreign)
	p.put(t, foreigner).refused(t, 409, metav1.StatusReasonConflict, "UID", foreign)
	p.delete(t, "one", options("uid", foreign)).refused(t, 409, metav1.StatusReasonConflict, "UID", foreign)
	p.delete(t, "one", options("resourceVersion", old.GetResourceVersion())).refused(t, 409, metav1.StatusReasonConflict)
	if now := p.read(t, "one"); !equal(now, one) {
		t.Errorf("refused writes have changed the object:\n%v\nbefore:\n%v", now, one)
	}

	p.put(t, p.changed(one)).want(t, 200)
	now := p.read(t, "one")
	p.delete(t, "one", map[string]any{"apiVersion": "v1", "kind": "DeleteOptions",
		"preconditions": map[string]any{"uid": now.GetUID(), "resourceVersion": now.GetResourceVersion()}}).want(t, 200)
	p.gone(t, "one")
	// The uid of an object that is gone protects its successor.
	successor := p.create(t, "one")
	p.delete(t, "one", options("uid", string(now.GetUID()))).refused(t, 409, metav1.StatusReasonConflict)
	if p.read(t, "one").GetUID() != successor.GetUID() {
		t.Error("the successor is another object now")
	}
}
