package contract

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func deletion(t *testing.T, p place) {
	const first, second = "example.com/first", "example.com/second"
	now := metav1.NewTime(time.Now().UTC().Truncate(time.Second))
	dated := func(o object) {
		o.SetDeletionTimestamp(&now)
		setField(o, 0, "metadata", "deletionGracePeriodSeconds")
	}
	alive := func(what string) object {
		t.Helper()
		o := p.read(t, "one")
		if o.GetDeletionTimestamp() != nil {
			t.Errorf("%s with a deletionTimestamp has marked the object", what)
		}
		return o
	}
	p.create(t, "one", dated)
	o := alive("a create")
	dated(o)
	p.put(t, o) // Taken or refused: it must not delete.
	alive("an update")
	stamp := map[string]any{"metadata": map[string]any{"deletionTimestamp": now.Format(time.RFC3339), "deletionGracePeriodSeconds": 0}}
	p.patch(t, "one", mergePatch, stamp)
	alive("a patch")
	p.patchStatus(t, "one", mergePatch, stamp)
	alive("a status patch")

	version := p.label(t, "one", "a", "b").GetResourceVersion()
	w := p.watch(t, p.query("resourceVersion="+version))
	held := p.patch(t, "one", mergePatch, map[string]any{"metadata": map[string]any{"finalizers": []string{first, second}}}).want(t, 200).object(t)
	w.expect(t, "MODIFIED", held)
	marked := p.delete(t, "one", map[string]any{"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 30}).want(t, 200).object(t)
	if marked.GetDeletionTimestamp() == nil || len(marked.GetFinalizers()) != 2 {
		t.Errorf("a delete of an object with finalizers answers %v", marked.Object["metadata"])
	}
	w.expect(t, "MODIFIED", marked)
	again := p.delete(t, "one", nil).want(t, 200).object(t)
	if again.GetResourceVersion() != marked.GetResourceVersion() || !again.GetDeletionTimestamp().Equal(marked.GetDeletionTimestamp()) {
		t.Errorf("a second delete changed the object: %v, before %v", again.Object["metadata"], marked.Object["metadata"])
	}
	undead := without(marked, []string{"metadata", "deletionTimestamp"}, []string{"metadata", "deletionGracePeriodSeconds"})
	if p.put(t, undead); p.read(t, "one").GetDeletionTimestamp() == nil {
		t.Error("an update has taken the deletion back")
	}
	p.patch(t, "one", mergePatch, map[string]any{"metadata": map[string]any{"finalizers": []string{first, second, "example.com/third"}}}).
		refused(t, 422, metav1.StatusReasonInvalid, "metadata.finalizers", "no new finalizers can be added if the object is being deleted")
	p.post(t, p.sample("one")).refused(t, 409, metav1.StatusReasonAlreadyExists)

	partly := p.patch(t, "one", mergePatch, map[string]any{"metadata": map[string]any{"finalizers": []string{second}}}).want(t, 200).object(t)
	w.expect(t, "MODIFIED", partly)
	p.patch(t, "one", jsonPatch, `[{"op":"remove","path":"/metadata/finalizers"}]`).want(t, 200)
	p.gone(t, "one")
	last := w.next(t)
	if last.Type != "DELETED" || asNumber(t, last.version()) <= asNumber(t, partly.GetResourceVersion()) {
		t.Errorf("after the last finalizer: %s, want DELETED after %s at once", last, partly.GetResourceVersion())
	}
	// Removed by an update, too; and an object that is not being deleted stays without finalizers.
	p.create(t, "two", func(o object) { o.SetFinalizers([]string{first}) })
	p.delete(t, "two", nil).want(t, 200)
	two := p.read(t, "two")
	two.SetFinalizers(nil)
	p.put(t, two).want(t, 200)
	p.gone(t, "two")
	three := p.create(t, "three", func(o object) { o.SetFinalizers([]string{first}) })
	three.SetFinalizers(nil)
	p.put(t, three).want(t, 200)
	p.read(t, "three")
}
