package contract

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func dryRun(t *testing.T, p place) {
	const dry = "dryRun=All"
	// What differs between any two objects.
	same := func(what string, a, b object) {
		t.Helper()
		strip := func(o object) object {
			return without(o, []string{"metadata", "uid"}, []string{"metadata", "resourceVersion"}, []string{"metadata", "creationTimestamp"}, []string{"metadata", "managedFields"})
		}
		if !equal(strip(a), strip(b)) {
			t.Errorf("a dry %s answers\n%v, the real one\n%v", what, strip(a), strip(b))
		}
	}
	w := p.watch(t, p.query("resourceVersion="+p.get(t, p.query()).version(t)))

	tried := p.post(t, p.sample("one"), dry).want(t, 201).object(t)
	p.gone(t, "one")
	one := p.create(t, "one")
	same("create", tried, one)
	p.post(t, p.sample("one"), dry).refused(t, 409, metav1.StatusReasonAlreadyExists)
	p.apply(t, "tester", p.sample("two"), dry).want(t, 201)
	p.gone(t, "two")

	unchanged := func(what string) {
		t.Helper()
		if o := p.read(t, "one"); !equal(o, one) {
			t.Errorf("a dry %s has changed the object:\n%v\nbefore:\n%v", what, o, one)
		}
	}
	change := map[string]any{"metadata": map[string]any{"annotations": map[string]any{"dry": "run"}}}
	triedPut := p.put(t, p.changed(one), dry).want(t, 200).object(t)
	unchanged("update")
	triedPatch := p.patch(t, "one", mergePatch, change, dry).want(t, 200).object(t)
	unchanged("patch")
	p.apply(t, "tester", p.changed(p.sample("one")), dry, "force=true").want(t, 200)
	unchanged("apply")
	triedStatus := p.putStatus(t, p.withStatus(one), dry).want(t, 200).object(t)
	unchanged("status update")
	p.delete(t, "one", nil, dry).want(t, 200)
	unchanged("delete")
	p.delete(t, "one", map[string]any{"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": []string{"All"}}).want(t, 200)
	unchanged("delete, as the body asks for it,")
	p.do(t, request{method: "DELETE", path: p.query(dry)}).want(t, 200)
	unchanged("deletecollection")
	stale := p.changed(one)
	stale.SetResourceVersion("1")
	p.put(t, stale, dry).refused(t, 409, metav1.StatusReasonConflict)
	if a := p.post(t, p.sample("three"), "dryRun=Some"); a.code != 400 && a.code != 422 {
		t.Errorf("dryRun=Some: %d: %s", a.code, excerpt(a.body))
	}
	p.gone(t, "three")

	// No watcher has seen any of it: the only events are those of the real calls.
	w.expect(t, "ADDED", one)
	real := p.patch(t, "one", mergePatch, change).want(t, 200).object(t)
	same("patch", triedPatch, real)
	w.expect(t, "MODIFIED", real)
	real = p.patch(t, "one", mergePatch, `{"metadata":{"annotations":null}}`).want(t, 200).object(t)
	w.expect(t, "MODIFIED", real)
	if p.hasStatusFields() {
		withStatus := p.putStatus(t, p.withStatus(real)).want(t, 200).object(t)
		same("status update", triedStatus, withStatus)
		w.expect(t, "MODIFIED", withStatus)
		real = withStatus
	}
	real = p.put(t, p.changed(real)).want(t, 200).object(t)
	same("update", triedPut, without(real, []string{"status"}))
	w.expect(t, "MODIFIED", real)
}
