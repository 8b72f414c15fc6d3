package parts

import (
	"context"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// TestPaths: whoever is authenticated may use the paths, who is bound to them nothing else, and the
// other authorizer decides the rest.
func TestPaths(t *testing.T) {
	next := evaluating{func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.GetUser().GetName() == "admin" {
			return authorizer.DecisionAllow, "the other one", nil
		}
		return authorizer.DecisionNoOpinion, "the other one", nil
	}}
	a := WithPaths(next, []Paths{
		{Prefixes: []string{"/v1/"}, Bound: func(who user.Info) bool { return len(who.GetExtra()["bound"]) > 0 }},
		{Prefixes: []string{"/namespaces/"}},
	})
	someone := &user.DefaultInfo{Name: "someone", Groups: []string{user.AllAuthenticated}}
	nobody := &user.DefaultInfo{Name: user.Anonymous, Groups: []string{user.AllUnauthenticated}}
	bound := &user.DefaultInfo{Name: "admin", Groups: []string{user.AllAuthenticated}, Extra: map[string][]string{"bound": {"x"}}}
	path := func(who user.Info, verb, path string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{User: who, Verb: verb, Path: path}
	}
	for name, c := range map[string]struct {
		of   authorizer.Attributes
		want authorizer.Decision
	}{
		"a path":                   {path(someone, "post", "/v1/chat/completions"), authorizer.DecisionAllow},
		"another path of parts":    {path(someone, "get", "/namespaces/x/stream/y"), authorizer.DecisionAllow},
		"another path":             {path(someone, "get", "/metrics"), authorizer.DecisionNoOpinion},
		"a path that begins alike": {path(someone, "get", "/v1alpha1"), authorizer.DecisionNoOpinion},
		"to act as somebody there": {path(someone, "impersonate", "/v1/models"), authorizer.DecisionNoOpinion},
		"nobody":                   {path(nobody, "get", "/v1/models"), authorizer.DecisionNoOpinion},
		"bound, a path":            {path(bound, "get", "/v1/models"), authorizer.DecisionAllow},
		"bound, another path":      {path(bound, "get", "/metrics"), authorizer.DecisionDeny},
		"bound, an object": {authorizer.AttributesRecord{
			User: bound, Verb: "get", APIGroup: "ark.mckinsey.com", Resource: "agents", Name: "x", ResourceRequest: true,
		}, authorizer.DecisionDeny},
	} {
		if got, _, err := a.Authorize(t.Context(), c.of); got != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
		aware := a.ConditionsAwareAuthorize(t.Context(), c.of)
		if aware.IsAllow() != (c.want == authorizer.DecisionAllow) || aware.IsDeny() != (c.want == authorizer.DecisionDeny) {
			t.Errorf("%s, asked with conditions: %v, want %v", name, aware, c.want)
		}
	}
	if _, isPathed := WithPaths(next, nil).(pathed); isPathed {
		t.Error("without paths there is a layer all the same")
	}
}
