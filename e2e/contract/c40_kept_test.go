package contract

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// keptFields: what a newer release writes into a status, and what a stored object has anywhere,
// stays. A CRD has a schema instead: it prunes both.
func keptFields(t *testing.T, p place) {
	p.create(t, "one")
	future := map[string]any{"a": []any{"<", map[string]any{"b": nil}}, "n": "12345678901234567890"}
	sent := p.withStatus(p.read(t, "one"))
	setField(sent, future, "status", "future")
	conditions, _ := field(sent, "status", "conditions").([]any)
	if len(conditions) > 0 {
		conditions[0].(map[string]any)["futureOfOne"] = "kept"
	}
	keeps := func(what string, o object) {
		t.Helper()
		if !equal(field(o, "status", "future"), future) {
			t.Errorf("%s: status.future is %v", what, field(o, "status", "future"))
		}
		if list, _ := field(o, "status", "conditions").([]any); len(conditions) > 0 && (len(list) == 0 || list[0].(map[string]any)["futureOfOne"] != "kept") {
			t.Errorf("%s: the field of a condition is lost: %v", what, field(o, "status", "conditions"))
		}
		if text := fmt.Sprint(o.GetManagedFields()); strings.Contains(text, "future") {
			t.Errorf("%s: somebody owns an unknown field: %s", what, text)
		}
	}

	// A status write keeps them, unless it asks for them to be refused.
	strictly := p.putStatus(t, sent, "fieldValidation=Strict")
	strictly.refused(t, 400, metav1.StatusReasonBadRequest, `unknown field "status.future"`)
	p.patchStatus(t, "one", mergePatch, map[string]any{"status": map[string]any{"future": 1}}, "fieldValidation=Strict").
		refused(t, 422, metav1.StatusReasonInvalid, `unknown field "status.future"`)
	from := p.read(t, "one")
	w := p.watch(t, p.query("resourceVersion="+from.GetResourceVersion()))
	a := p.putStatus(t, sent).want(t, 200)
	if !slices.ContainsFunc(a.header.Values("Warning"), func(w string) bool { return strings.Contains(w, `status.future`) }) {
		t.Errorf("a status write warns %q", a.header.Values("Warning"))
	}
	one := a.object(t)
	keeps("status update", one)
	w.expect(t, "MODIFIED", one)
	keeps("read", p.read(t, "one"))
	keeps("list", p.list(t)[0])
	again := p.putStatus(t, one, "fieldValidation=Strict").want(t, 200).object(t)
	keeps("the same, put back strictly", again)
	if again.GetResourceVersion() != one.GetResourceVersion() {
		t.Error("the same, put back, is a change")
	}

	// So does every write of the rest, also a strict one of what was read.
	keeps("update", p.put(t, p.changed(one), "fieldValidation=Strict").want(t, 200).object(t))
	keeps("merge patch", p.patch(t, "one", mergePatch, `{"metadata":{"labels":{"a":"b"}}}`, "fieldValidation=Strict").want(t, 200).object(t))
	keeps("JSON patch", p.patch(t, "one", jsonPatch, `[{"op":"add","path":"/metadata/labels/c","value":"d"}]`, "fieldValidation=Strict").want(t, 200).object(t))
	keeps("apply", p.apply(t, "applier", p.sample("one", func(o object) { setLabel(o, "e", "f") }), "force=true").want(t, 200).object(t))
	keeps("status merge patch", p.patchStatus(t, "one", mergePatch, map[string]any{"status": map[string]any{"more": 1}}).want(t, 200).object(t))
	applied := p.sample("one")
	setField(applied, map[string]any{"applied": true, "more": nil}, "status")
	o := p.do(t, request{method: "PATCH", path: p.path("one", "status") + "?fieldManager=statuser&force=true", contentType: applyPatch, body: applied}).want(t, 200).object(t)
	keeps("status apply", o)
	if field(o, "status", "applied") != true {
		t.Errorf("what was applied to the status is lost: %v", o.Object["status"])
	}
	p.do(t, request{method: "PATCH", path: p.path("one", "status") + "?fieldManager=statuser&force=true&fieldValidation=Strict", contentType: applyPatch, body: func() object {
		other := applied.DeepCopy()
		setField(other, 1, "status", "other")
		return other
	}()}).refused(t, 400, metav1.StatusReasonBadRequest, `unknown field "status.other"`)

	// And they go when a client removes them.
	o = p.patchStatus(t, "one", mergePatch, `{"status":{"future":null}}`).want(t, 200).object(t)
	if status, _ := o.Object["status"].(map[string]any); status["future"] != nil || status["applied"] != true {
		t.Errorf("a patch that removes status.future leaves %v", status)
	}
}

// keptWhereStored: a stored object keeps the fields that a newer release wrote into any part of it.
func keptWhereStored(t *testing.T, s *server) {
	where := s.placeForAll(t)
	for _, kind := range kinds() {
		p := where.of(kind)
		stored := "stored-" + kind.Plural // the storage finds keys by their ends
		o := p.create(t, stored)
		newer := o.DeepCopy()
		newer.SetResourceVersion("")
		unversioned := without(newer, []string{"metadata", "resourceVersion"})
		setField(unversioned, "kept", "future")
		setField(unversioned, "kept", "metadata", "future")
		setField(unversioned, map[string]any{"x": []any{1, 2}}, "spec", "future")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if _, err := s.storage(t).Put(ctx, s.storedAt(t, o), string(encode(unversioned))); err != nil {
			t.Fatal(err)
		}
		keeps := func(what string, o object) {
			t.Helper()
			if field(o, "future") != "kept" || field(o, "metadata", "future") != "kept" || !equal(field(o, "spec", "future"), map[string]any{"x": []any{1, 2}}) {
				t.Errorf("%s, %s: %s", kind.Kind, what, encode(o))
			}
		}
		s.settled(t, "the stored object is served", func() bool { return field(p.read(t, stored), "future") != nil })
		keeps("read", p.read(t, stored))
		keeps("status update", p.putStatus(t, p.withStatus(p.read(t, stored))).want(t, 200).object(t))
		keeps("merge patch", p.patch(t, stored, mergePatch, `{"metadata":{"labels":{"a":"b"}}}`, "fieldValidation=Strict").want(t, 200).object(t))
		keeps("update", p.put(t, p.changed(p.read(t, stored)), "fieldValidation=Strict").want(t, 200).object(t))
		keeps("apply", p.apply(t, "applier", p.sample(stored), "force=true").want(t, 200).object(t))
		// A client cannot add one, nor change one.
		a := p.patch(t, stored, mergePatch, `{"spec":{"future":{"x":3},"another":1}}`).want(t, 200)
		keeps("patch of the field", a.object(t))
		if field(a.object(t), "spec", "another") != nil {
			t.Errorf("%s: a client could add spec.another", kind.Kind)
		}
		p.patch(t, stored, mergePatch, `{"spec":{"future":{"x":3}}}`, "fieldValidation=Strict").refused(t, 422, metav1.StatusReasonInvalid, "spec.future")
	}
}
