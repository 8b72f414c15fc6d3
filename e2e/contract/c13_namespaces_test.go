package contract

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// namespaces: an object needs one that exists and is not going, and goes with it.
func namespaces(t *testing.T, s *server) {
	where := s.placeForAll(t)
	all := kinds()
	for i, kind := range all {
		p := where.of(kind)
		if kind.ClusterScoped {
			continue
		}
		nowhere := p
		nowhere.namespace = "nowhere"
		nowhere.post(t, nowhere.sample("lost")).refused(t, 404, metav1.StatusReasonNotFound, `namespaces "nowhere" not found`)
		nowhere.apply(t, "tester", nowhere.sample("lost")).refused(t, 404, metav1.StatusReasonNotFound, "nowhere")
		if got := nowhere.list(t); len(got) != 0 {
			t.Errorf("%s: a namespace that does not exist holds %v", kind.Plural, got)
		}
		p.create(t, "one")
		p.create(t, "two")
		if i == 0 { // One object keeps the namespace from going at once.
			p.create(t, "stays", func(o object) { o.SetFinalizers([]string{"example.com/stay"}) })
		}
	}
	path := "/api/v1/namespaces/" + where.namespace
	s.do(t, request{method: "DELETE", path: path}).want(t, 200)
	// A server behind another hears of it a little later.
	s.settled(t, "the namespace is known to go", func() bool { return where.post(t, where.sample("late"), "dryRun=All").code == 403 })
	for _, kind := range all {
		if p := where.of(kind); !kind.ClusterScoped {
			refusal := p.post(t, p.sample("late")).refused(t, 403, metav1.StatusReasonForbidden, "because it is being terminated")
			if refusal.Details == nil || len(refusal.Details.Causes) == 0 || refusal.Details.Causes[0].Type != "NamespaceTerminating" {
				t.Errorf("%s: the refusal has no cause NamespaceTerminating: %v", kind.Plural, refusal)
			}
			p.apply(t, "tester", p.sample("late")).refused(t, 403, metav1.StatusReasonForbidden)
		}
	}
	for _, kind := range all {
		if p := where.of(kind); !kind.ClusterScoped {
			eventually(t, kind.Plural+" go with their namespace", func() bool {
				left := p.list(t)
				return len(left) == 0 || len(left) == 1 && left[0].GetName() == "stays"
			})
		}
	}
	p := where.of(all[0])
	p.read(t, "stays")
	s.get(t, path).want(t, 200)
	p.patch(t, "stays", mergePatch, `{"metadata":{"finalizers":null}}`).want(t, 200)
	eventually(t, "the namespace goes", func() bool { return s.get(t, path).code == 404 })
}
