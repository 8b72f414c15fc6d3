package contract

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func apply(t *testing.T, p place) {
	// A manager that applies again what it owns meets no conflict, not even after others' writes
	// elsewhere in the object.
	p.apply(t, "first", p.sample("one")).want(t, 201)
	p.label(t, "one", "by", "others")
	p.putStatus(t, p.withStatus(p.read(t, "one")), "fieldManager=controller").want(t, 200)
	changed := p.changed(p.sample("one"))
	one := p.apply(t, "first", changed).want(t, 200).object(t)
	if !contains(one.Object["spec"], changed.Object["spec"]) || one.GetLabels()["by"] != "others" {
		t.Errorf("after an apply: %v", one)
	}
	if p.hasStatusFields() && one.Object["status"] == nil {
		t.Error("an apply has dropped the status")
	}

	// Another manager that wants another value is refused, and told whose it is; forced, it takes
	// over.
	theirs := func(o object) { setLabel(o, "of", "second") }
	mine := func(o object) { setLabel(o, "of", "first") }
	p.apply(t, "first", p.sample("one", mine)).want(t, 200)
	a := p.apply(t, "second", p.sample("one", theirs))
	refusal := a.refused(t, 409, metav1.StatusReasonConflict, "conflict", `"first"`, ".metadata.labels.of")
	if refusal.Details == nil || len(refusal.Details.Causes) == 0 || refusal.Details.Causes[0].Type != metav1.CauseTypeFieldManagerConflict || refusal.Details.Causes[0].Field == "" {
		t.Errorf("the conflict names no field: %s", a.body)
	}
	p.apply(t, "second", p.sample("one", theirs), "force=true").want(t, 200)
	p.apply(t, "first", p.sample("one", mine)).refused(t, 409, metav1.StatusReasonConflict, `"second"`)
	// What both want alike they share; what nobody wants any longer goes.
	p.apply(t, "first", p.sample("one", func(o object) { setLabel(o, "mine", "yes") })).want(t, 200)
	if got := p.read(t, "one").GetLabels()["mine"]; got != "yes" {
		t.Errorf("label mine: %q", got)
	}
	if got := p.apply(t, "first", p.sample("one")).want(t, 200).object(t).GetLabels(); got["mine"] != "" || got["by"] != "others" {
		t.Errorf("labels after their owner left one out: %v", got)
	}

	// Nobody owns through one endpoint what only the other may change.
	p.apply(t, "cheat", p.withStatus(p.sample("two"))).want(t, 201)
	status := p.withStatus(p.sample("two"))
	p.do(t, request{method: "PATCH", path: p.path("two", "status") + "?fieldManager=statuser", contentType: applyPatch, body: status}).want(t, 200)
	for _, entry := range p.read(t, "two").GetManagedFields() {
		var owned struct {
			Spec   any `json:"f:spec"`
			Status any `json:"f:status"`
		}
		decode(t, entry.FieldsV1.GetRawBytes(), &owned)
		if entry.Subresource == "" && owned.Status != nil {
			t.Errorf("%s owns the status without its subresource", entry.Manager)
		}
		if entry.Subresource == "status" && owned.Spec != nil {
			t.Errorf("%s owns the spec through the status", entry.Manager)
		}
	}
	a = p.do(t, request{method: "PATCH", path: p.path("two"), contentType: applyPatch, body: p.sample("two")})
	if a.code != 400 && a.code != 422 {
		t.Errorf("an apply without fieldManager: %d: %s", a.code, excerpt(a.body))
	}
}
