package contract

import (
	"fmt"
	"testing"
)

// watches: a list and a watch from there see every change once, in order.
func watches(t *testing.T, p place) {
	p.create(t, "before")
	w := p.watch(t, p.query("resourceVersion="+p.get(t, p.query()).version(t)))
	p.server.place(t, p.kind).create(t, "elsewhere")        // None of this watcher's business.
	w.expect(t, "MODIFIED", p.label(t, "before", "a", "b")) // It was in the list.
	w.expect(t, "ADDED", p.create(t, "one"))
	var last object
	for i := range 20 {
		last = p.label(t, "one", "step", fmt.Sprint(i))
		e := w.expect(t, "MODIFIED", last)
		if !equal(e.Object, last) {
			t.Errorf("the event's object is\n%v, the write answered\n%v", e.Object, last)
		}
	}
	if p.hasStatusFields() {
		last = p.putStatus(t, p.withStatus(last)).want(t, 200).object(t)
		w.expect(t, "MODIFIED", last)
	}
	p.delete(t, "one", nil).want(t, 200)
	gone := w.next(t)
	if gone.Type != "DELETED" || asNumber(t, gone.version()) <= asNumber(t, last.GetResourceVersion()) {
		t.Errorf("%s, want DELETED after %s", gone, last.GetResourceVersion())
	}
	stateOf := func(o object) object { return without(o, []string{"metadata", "resourceVersion"}) }
	if !equal(stateOf(gone.object()), stateOf(last)) {
		t.Errorf("deleted with\n%v, the last state was\n%v", gone.Object, last)
	}
	again := p.create(t, "one")
	w.expect(t, "ADDED", again)
	if asNumber(t, again.GetResourceVersion()) <= asNumber(t, gone.version()) {
		t.Errorf("created again at %s, deleted at %s", again.GetResourceVersion(), gone.version())
	}
	// One object's watch, by its name.
	one := p.watch(t, p.query("fieldSelector=metadata.name="+p.name("one"), "resourceVersion="+again.GetResourceVersion()))
	p.label(t, "before", "a", "c")
	one.expect(t, "MODIFIED", p.label(t, "one", "a", "c"))
}
