package contract

import "testing"

func generation(t *testing.T, p place) {
	want := func(what string, o object, generation int64) {
		t.Helper()
		if o.GetGeneration() != generation {
			t.Errorf("after %s the generation is %d, want %d", what, o.GetGeneration(), generation)
		}
	}
	o := p.create(t, "one")
	want("create", o, 1)
	want("a label", p.label(t, "one", "a", "b"), 1)
	o = p.patch(t, "one", mergePatch, `{"metadata":{"annotations":{"a":"b"},"finalizers":["example.com/x"]}}`).want(t, 200).object(t)
	want("an annotation and a finalizer", o, 1)
	o = p.putStatus(t, p.withStatus(o)).want(t, 200).object(t)
	want("a status update", o, 1)
	o = p.patchStatus(t, "one", mergePatch, map[string]any{"status": p.kind.StatusValue(), "metadata": map[string]any{"generation": 7}}).want(t, 200).object(t)
	want("a status patch", o, 1)
	o = p.put(t, p.changed(o)).want(t, 200).object(t)
	want("an update of the spec", o, 2)
	o = p.put(t, o).want(t, 200).object(t)
	want("the same again", o, 2)
	o = p.patch(t, "one", mergePatch, map[string]any{"spec": p.sample("one").Object["spec"]}).want(t, 200).object(t)
	if !equal(o.Object["spec"], p.read(t, "one").Object["spec"]) {
		t.Error("what a patch answers is not what is stored")
	}
	before := o.GetGeneration()
	applied := p.changed(p.sample("one"))
	o = p.apply(t, "tester", applied, "force=true").want(t, 200).object(t)
	if got := o.GetGeneration(); got > before+1 {
		t.Errorf("an apply moved the generation from %d to %d", before, got)
	}
	// Deletion counts as a change of the desired state, as in Kubernetes.
	before = o.GetGeneration()
	want("the deletion of an object with a finalizer", p.delete(t, "one", nil).want(t, 200).object(t), before+1)
	p.patch(t, "one", mergePatch, `{"metadata":{"finalizers":null}}`).want(t, 200)
}
