package contract

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// timeouts: a watch ends when it was asked to, in order.
func timeouts(t *testing.T, s *server) {
	streams := map[string]*stream{}
	want := map[string]object{}
	began := time.Now()
	for _, kind := range kinds() {
		p := s.place(t, kind)
		streams[kind.Kind] = p.watch(t, p.query("timeoutSeconds=2", "resourceVersion="+p.get(t, p.query()).version(t)))
		want[kind.Kind] = p.create(t, "one")
	}
	for kind, w := range streams {
		events := w.rest(t)
		if w.err != nil {
			t.Errorf("%s: the watch ended with %v", kind, w.err)
		}
		if len(events) != 1 || events[0].version() != want[kind].GetResourceVersion() {
			t.Errorf("%s: events %v, want the creation of %s", kind, events, want[kind].GetName())
		}
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("the watches ended after %s, want 2 s", took)
	}
}

// watchesExpire: a watch from a state that has been compacted away is 410. The server is started
// again after the compaction, since its caches may still hold what the storage has forgotten.
func watchesExpire(t *testing.T, s *server) {
	places := map[string]place{}
	old := map[string]string{}
	for _, kind := range kinds() {
		p := s.place(t, kind)
		p.create(t, "one")
		places[kind.Kind], old[kind.Kind] = p, p.get(t, p.query()).version(t)
		p.label(t, "one", "a", "b")
	}
	s.compact(t)
	s.process.Kill()
	s.process.Start(t)
	for kind, p := range places {
		a := p.get(t, p.query("watch=true", "resourceVersion="+old[kind], "timeoutSeconds=5"))
		var status metav1.Status
		if a.code == 200 {
			var e struct {
				Type   string
				Object metav1.Status
			}
			decode(t, a.body, &e)
			if status = e.Object; e.Type != "ERROR" {
				t.Errorf("%s: event %s, want ERROR: %s", kind, e.Type, excerpt(a.body))
			}
		} else {
			status = a.status(t)
		}
		if status.Code != 410 || status.Reason != metav1.StatusReasonExpired && status.Reason != metav1.StatusReasonGone {
			t.Errorf("%s: a watch from a compacted resourceVersion: %s", kind, excerpt(a.body))
		}
	}
}
