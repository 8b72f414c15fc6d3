package aggregated

import (
	"context"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// rule allows a verb on the names that it lists, or on all, as RBAC does.
type rule struct {
	verb  string
	names []string
	asked []string
}

func (r *rule) authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	r.asked = append(r.asked, a.GetName())
	if a.GetVerb() != r.verb {
		return authorizer.DecisionNoOpinion, "", nil
	}
	if len(r.names) == 0 {
		return authorizer.DecisionAllow, "", nil
	}
	for _, name := range r.names {
		if name == a.GetName() {
			return authorizer.DecisionAllow, "", nil
		}
	}
	return authorizer.DecisionNoOpinion, "", nil
}

func TestAnyName(t *testing.T) {
	for _, c := range []struct {
		what       string
		names      []string
		verb, name string
		resource   bool
		want       authorizer.Decision
		questions  int
	}{
		{"a right to all", nil, "get", "a", true, authorizer.DecisionAllow, 1},
		{"a right to the one", []string{"a"}, "get", "a", true, authorizer.DecisionAllow, 2},
		{"a right to another", []string{"b"}, "get", "a", true, authorizer.DecisionNoOpinion, 2},
		{"a right to the empty name", []string{""}, "get", "a", true, authorizer.DecisionNoOpinion, 2},
		{"another verb", nil, "delete", "a", true, authorizer.DecisionNoOpinion, 2},
		{"no name", nil, "get", "", true, authorizer.DecisionAllow, 1},
		{"no resource", nil, "get", "", false, authorizer.DecisionAllow, 1},
	} {
		r := &rule{verb: "get", names: c.names}
		n := anyName(authorizer.AuthorizerFunc(r.authorize))
		a := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "u"}, Verb: c.verb, Name: c.name, ResourceRequest: c.resource}
		for range 2 { // the question is the same each time
			if got, _, err := n.Authorize(t.Context(), a); got != c.want || err != nil {
				t.Errorf("%s: %v, %v", c.what, got, err)
			}
		}
		if len(r.asked) != 2*c.questions || r.asked[0] != r.asked[c.questions] {
			t.Errorf("%s: asked about %q", c.what, r.asked)
		}
	}
}
