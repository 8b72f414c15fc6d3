package contract

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const recordsPath = "/apis/records.ark.mckinsey.com/v1alpha1"

// managed are the kinds of the records group that users write themselves, as any other.
var managed = []string{"retentionpolicies", "reports"}

// unmanaged checks that records of objects cannot be watched or deleted, so that controllers that
// follow every kind ignore them: no quota counts them, and they do not block the deletion of a
// namespace.
func unmanaged(t *testing.T, s *server) {
	var found metav1.APIResourceList
	decode(t, s.get(t, recordsPath).want(t, 200).body, &found)
	seen := 0
	for _, r := range found.APIResources {
		if slices.Contains(managed, r.Name) {
			continue
		}
		seen++
		for _, verb := range r.Verbs {
			if !slices.Contains([]string{"get", "list", "create"}, verb) {
				t.Errorf("%s in discovery: %q", r.Name, r.Verbs)
			}
		}
	}
	if seen < 6 {
		t.Errorf("the records group has %d kinds that are not managed: %+v", seen, found.APIResources)
	}
	where := s.placeForAll(t)
	p := where.of(kindNamed("Agent"))
	for _, resource := range []string{"revisions", "deletedobjects"} {
		path := recordsPath + "/namespaces/" + p.namespace + "/" + resource
		for _, r := range []request{
			{method: "GET", path: path + "?watch=true&timeoutSeconds=1"}, {method: "GET", path: recordsPath + "/watch/namespaces/" + p.namespace + "/" + resource},
			{method: "DELETE", path: path}, {method: "DELETE", path: path + "/agent.x.1"}, {method: "PATCH", path: path + "/agent.x.1", contentType: mergePatch, body: map[string]any{}},
		} {
			if a := s.do(t, r); a.code != 405 && a.code != 404 {
				t.Errorf("%s: %d, want 405: %s", a.request, a.code, excerpt(a.body))
			}
		}
	}

	// A quota of none of them refuses nobody.
	quotas := "/api/v1/namespaces/" + p.namespace + "/resourcequotas"
	o := meta("v1", "ResourceQuota", "records")
	o["spec"] = map[string]any{"hard": map[string]any{"count/revisions.records.ark.mckinsey.com": "0", "count/deletedobjects.records.ark.mckinsey.com": "0"}}
	s.do(t, request{method: "POST", path: quotas, body: o}).want(t, 201)
	for i := range 3 {
		p.create(t, fmt.Sprintf("n%d", i))
	}
	p.delete(t, "n0", nil).want(t, 200)
	p.gone(t, "n0")
	s.do(t, request{method: "DELETE", path: "/api/v1/namespaces/" + p.namespace}).want(t, 200)
	eventually(t, "the namespace goes", func() bool { return s.get(t, "/api/v1/namespaces/"+p.namespace).code == 404 })
}
