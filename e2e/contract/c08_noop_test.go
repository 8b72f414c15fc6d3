package contract

import (
	"testing"
	"time"
)

func noop(t *testing.T, p place) {
	p.apply(t, "tester", p.sample("one")).want(t, 201)
	one := p.putStatus(t, p.withStatus(p.read(t, "one"))).want(t, 200).object(t)
	w := p.watch(t, p.query("resourceVersion="+one.GetResourceVersion()))
	value := one.Object["status"]
	for what, write := range map[string]func() answer{
		"update":             func() answer { return p.put(t, one) },
		"blind update":       func() answer { return p.put(t, without(one, []string{"metadata", "managedFields"})) },
		"merge patch":        func() answer { return p.patch(t, "one", mergePatch, map[string]any{"spec": one.Object["spec"]}) },
		"empty merge patch":  func() answer { return p.patch(t, "one", mergePatch, `{}`) },
		"empty JSON patch":   func() answer { return p.patch(t, "one", jsonPatch, `[]`) },
		"apply":              func() answer { return p.apply(t, "tester", p.sample("one")) },
		"status update":      func() answer { return p.putStatus(t, one) },
		"status merge patch": func() answer { return p.patchStatus(t, "one", mergePatch, map[string]any{"status": value}) },
		"update with status": func() answer { return p.put(t, p.withStatus(one)) },
	} {
		o := write().want(t, 200).object(t)
		if o.GetResourceVersion() != one.GetResourceVersion() {
			t.Errorf("%s: the resourceVersion moved from %s to %s\n%v\nbefore\n%v", what, one.GetResourceVersion(), o.GetResourceVersion(), o, one)
			one = o
		}
	}
	// The next event that the watcher sees is that of the next change.
	w.expect(t, "MODIFIED", p.label(t, "one", "changed", "now"))
}

// noopLater repeats applies in a later second: managedFields tell the time in seconds, and a write
// that changes nothing else is none either.
func noopLater(t *testing.T, s *server) {
	where := s.placeForAll(t)
	version := map[string]string{}
	for _, kind := range kinds() {
		p := where.of(kind)
		version[kind.Kind] = p.apply(t, "tester", p.sample("later")).want(t, 201).object(t).GetResourceVersion()
	}
	time.Sleep(1100 * time.Millisecond)
	for _, kind := range kinds() {
		p := where.of(kind)
		if now := p.apply(t, "tester", p.sample("later")).want(t, 200).object(t).GetResourceVersion(); now != version[kind.Kind] {
			t.Errorf("%s: a second apply moved the resourceVersion from %s to %s", kind.Kind, version[kind.Kind], now)
		}
	}
}
