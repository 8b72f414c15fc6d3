package contract

import (
	"fmt"
	"testing"
)

// restored checks that no resourceVersion from before a restore is used again.
func restored(t *testing.T, shared *server) {
	s := shared.own(t)
	p := s.place(t, kindNamed("Agent"))
	kept := p.create(t, "kept")
	s.backup(t)
	for i := range 20 {
		p.create(t, fmt.Sprintf("lost-%d", i))
	}
	changed := p.label(t, "kept", "after", "backup")
	latest := changed.GetResourceVersion()
	s.process.Kill()
	s.restore(t)
	s.process.Start(t)

	list := p.get(t, p.query()).want(t, 200)
	if items := list.items(t); len(items) != 1 || items[0].GetName() != kept.GetName() || items[0].GetLabels()["after"] != "" {
		t.Errorf("after the restore: %v", p.names(items))
	}
	if now := asNumber(t, list.version(t)); now <= asNumber(t, latest) {
		t.Errorf("the resourceVersion went back from %s to %d", latest, now)
	}
	// A watcher from before must list again: it cannot be told what was lost.
	a := p.get(t, p.query("watch=true", "timeoutSeconds=3", "resourceVersion="+latest))
	if a.code != 410 {
		var e struct {
			Type   string
			Object struct{ Code int }
		}
		if len(a.body) == 0 {
			t.Fatalf("a watch from %s, which was lost: %d and no event", latest, a.code)
		}
		decode(t, a.body, &e)
		if e.Type != "ERROR" || e.Object.Code != 410 {
			t.Errorf("a watch from %s, which was lost: %d %s", latest, a.code, excerpt(a.body))
		}
	}
	// One who writes with what was lost is refused.
	p.put(t, p.changed(changed)).refused(t, 409, "Conflict")
	if again := p.create(t, "lost-0"); asNumber(t, again.GetResourceVersion()) <= asNumber(t, latest) {
		t.Errorf("a new object has the resourceVersion %s, handed out up to %s before", again.GetResourceVersion(), latest)
	}
}
