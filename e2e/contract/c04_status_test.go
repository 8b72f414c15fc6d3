package contract

import "testing"

func status(t *testing.T, p place) {
	value := p.kind.StatusValue()
	none := func(what string, o object) {
		t.Helper()
		if o.Object["status"] != nil {
			t.Errorf("%s has set the status: %v", what, o.Object["status"])
		}
	}
	none("a create", p.post(t, p.withStatus(p.sample("one"))).want(t, 201).object(t))
	none("an apply that creates", p.apply(t, "tester", p.withStatus(p.sample("two"))).want(t, 201).object(t))
	one := p.read(t, "one")
	none("an update", p.put(t, p.withStatus(one)).want(t, 200).object(t))
	none("a merge patch", p.patch(t, "one", mergePatch, map[string]any{"status": value}).want(t, 200).object(t))
	none("a JSON patch", p.patch(t, "one", jsonPatch, []any{map[string]any{"op": "add", "path": "/status", "value": value}}).want(t, 200).object(t))
	none("an apply", p.apply(t, "tester", p.withStatus(p.sample("one")), "force=true").want(t, 200).object(t))

	// A writer of the status changes nothing else, whatever it sends.
	before := p.read(t, "one")
	sent := p.changed(p.withStatus(before))
	setLabel(sent, "from", "status")
	sent.SetFinalizers([]string{"example.com/status"})
	after := p.putStatus(t, sent).want(t, 200).object(t)
	if !contains(after.Object["status"], value) {
		t.Errorf("the status update stored %v, sent %v", after.Object["status"], value)
	}
	p.onlyStatusMoved(t, "a status update", before, after)
	after = p.patchStatus(t, "one", mergePatch, map[string]any{
		"status": value, "spec": p.changed(before).Object["spec"], "metadata": map[string]any{"labels": map[string]any{"from": "status"}},
	}).want(t, 200).object(t)
	p.onlyStatusMoved(t, "a status patch", before, after)
	applied := p.changed(p.withStatus(p.sample("one")))
	after = p.do(t, request{method: "PATCH", path: p.path("one", "status") + "?fieldManager=statuser&force=true", contentType: applyPatch, body: applied}).want(t, 200).object(t)
	p.onlyStatusMoved(t, "a status apply", before, after)

	// And a writer of the rest keeps the status, whatever it sends.
	kept := p.read(t, "one").Object["status"]
	keeps := func(what string, a answer) {
		t.Helper()
		if o := a.want(t, 200).object(t); !equal(o.Object["status"], kept) {
			t.Errorf("%s has changed the status from %v to %v", what, kept, o.Object["status"])
		}
	}
	keeps("an update without it", p.put(t, without(p.changed(p.read(t, "one")), []string{"status"})))
	keeps("a merge patch", p.patch(t, "one", mergePatch, `{"status":null,"metadata":{"labels":{"a":"b"}}}`))
	if kept != nil {
		keeps("a JSON patch", p.patch(t, "one", jsonPatch, `[{"op":"remove","path":"/status"}]`))
	}
	keeps("an apply", p.apply(t, "tester", p.sample("one"), "force=true"))
	if read := p.get(t, p.path("one", "status")).want(t, 200).object(t); !equal(read, p.read(t, "one")) {
		t.Error("get of /status is not the object")
	}
}

// onlyStatusMoved compares everything but the status and what the server itself notes down.
func (p place) onlyStatusMoved(t *testing.T, what string, before, after object) {
	t.Helper()
	rest := func(o object) object {
		return without(o, []string{"status"}, []string{"metadata", "resourceVersion"}, []string{"metadata", "managedFields"})
	}
	if !equal(rest(before), rest(after)) {
		t.Errorf("%s changed more than the status:\n%v\nbefore:\n%v", what, rest(after), rest(before))
	}
}
