package contract

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func verbs(t *testing.T, p place) {
	created := p.create(t, "one")
	if created.GetUID() == "" || field(created, "metadata", "creationTimestamp") == nil {
		t.Errorf("no uid or creationTimestamp: %v", created.Object["metadata"])
	}
	if created.GetKind() != p.kind.Kind || created.GetName() != p.name("one") {
		t.Errorf("created %s %s", created.GetKind(), created.GetName())
	}
	if !contains(created.Object["spec"], p.sample("one").Object["spec"]) {
		t.Errorf("the spec came back as %v, sent %v", created.Object["spec"], p.sample("one").Object["spec"])
	}
	if read := p.read(t, "one"); !equal(read, created) {
		t.Errorf("get: %v, created %v", read, created)
	}
	if got := p.names(p.list(t)); !slices.Equal(got, []string{"one"}) {
		t.Errorf("list: %q", got)
	}

	changed := p.put(t, p.changed(created)).want(t, 200).object(t)
	if changed.GetResourceVersion() == created.GetResourceVersion() || equal(changed.Object["spec"], created.Object["spec"]) {
		t.Errorf("the update changed nothing: %v", changed)
	}
	label := func(name string) {
		t.Helper()
		if got := p.read(t, "one").GetLabels()[name]; got != "yes" {
			t.Errorf("label %s: %q", name, got)
		}
	}
	p.patch(t, "one", mergePatch, `{"metadata":{"labels":{"merge":"yes"}}}`).want(t, 200)
	label("merge")
	p.patch(t, "one", jsonPatch, `[{"op":"test","path":"/metadata/labels/merge","value":"yes"},{"op":"add","path":"/metadata/labels/json","value":"yes"}]`).want(t, 200)
	label("json")
	applied := p.sample("one")
	applied.SetLabels(map[string]string{"apply": "yes"})
	delete(applied.Object, "spec")
	p.apply(t, "tester", applied).want(t, 200)
	label("apply")
	p.patch(t, "one", strategicPatch, `{"metadata":{"labels":{"strategic":"yes"}}}`).refused(t, 415, metav1.StatusReasonUnsupportedMediaType)
	p.apply(t, "tester", p.sample("two")).want(t, 201)

	p.get(t, p.path("three")).refused(t, 404, metav1.StatusReasonNotFound, p.kind.Plural+".ark.mckinsey.com", p.name("three"))
	missing := p.sample("three")
	missing.SetResourceVersion("1")
	p.put(t, missing).refused(t, 404, metav1.StatusReasonNotFound)
	p.delete(t, "three", nil).refused(t, 404, metav1.StatusReasonNotFound)
	p.patch(t, "three", mergePatch, `{"metadata":{"labels":{"a":"b"}}}`).refused(t, 404, metav1.StatusReasonNotFound)

	answer := p.delete(t, "one", nil).want(t, 200)
	if status := answer.status(t); status.Status != metav1.StatusSuccess || status.Details == nil || status.Details.UID != created.GetUID() {
		t.Errorf("delete answers %s", answer.body)
	}
	p.gone(t, "one")
	deleteCollection(t, p)
}

// deleteCollection deletes by label, by field, and all.
func deleteCollection(t *testing.T, p place) {
	for _, short := range []string{"red-1", "red-2", "blue-1", "blue-2"} {
		p.create(t, short, func(o object) { setLabel(o, "colour", short[:len(short)-2]) })
	}
	drop := func(parameters ...string) []string {
		t.Helper()
		p.do(t, request{method: "DELETE", path: p.query(parameters...)}).want(t, 200)
		return p.names(p.list(t))
	}
	if left := drop("labelSelector=colour=red"); !slices.Equal(left, []string{"blue-1", "blue-2", "two"}) {
		t.Errorf("after deletecollection by label: %q", left)
	}
	if left := drop("fieldSelector=metadata.name=" + p.name("blue-2")); !slices.Equal(left, []string{"blue-1", "two"}) {
		t.Errorf("after deletecollection by name: %q", left)
	}
	if left := drop(); len(left) != 0 {
		t.Errorf("after deletecollection: %q", left)
	}
}
