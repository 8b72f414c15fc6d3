package contract

import (
	"testing"
)

// selectedWatches: for a watcher with a selector an object begins and ends with its being selected.
func selectedWatches(t *testing.T, p place) {
	in := p.create(t, "in", func(o object) { setLabel(o, "tier", "front") })
	out := p.create(t, "out")
	w := p.watch(t, p.query("labelSelector=tier=front", "resourceVersion="+out.GetResourceVersion()))
	left := p.label(t, "in", "tier", "back")
	e := w.next(t)
	if e.Type != "DELETED" || e.object().GetName() != in.GetName() || e.version() != left.GetResourceVersion() {
		t.Errorf("an object that leaves: %s, want DELETED at %s", e, left.GetResourceVersion())
	}
	if e.object().GetLabels()["tier"] != "front" {
		t.Errorf("deleted with the labels %v, want those that were selected", e.object().GetLabels())
	}
	p.label(t, "in", "more", "changes")
	w.expect(t, "ADDED", p.label(t, "out", "tier", "front"))
	w.expect(t, "MODIFIED", p.label(t, "out", "more", "changes"))
	p.delete(t, "in", nil).want(t, 200) // Not selected any more.
	w.expect(t, "DELETED", p.label(t, "out", "tier", ""))
	w.expect(t, "ADDED", p.create(t, "third", func(o object) { setLabel(o, "tier", "front") }))
	p.delete(t, "third", nil).want(t, 200)
	if e := w.next(t); e.Type != "DELETED" || e.object().GetName() != p.name("third") {
		t.Errorf("a deleted object: %s", e)
	}
}
