package parts

import (
	"context"
	"errors"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// evaluating refuses everything, and allows what has conditions.
type evaluating struct{ authorizer.AuthorizerFunc }

func (evaluating) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionAllow, "the other one", nil
}

// callerKey is the context key of the user that makes a request in the process.
type callerKey struct{}

func inProcess(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, &user.DefaultInfo{Name: name})
}

func caller(ctx context.Context) user.Info {
	if who, ok := ctx.Value(callerKey{}).(*user.DefaultInfo); ok {
		return who
	}
	return nil
}

// TestGrants: in each way to ask, grants count for their user and their rules, and the other
// authorizer decides the rest.
func TestGrants(t *testing.T) {
	errRefused := errors.New("the other one")
	next := evaluating{func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
		return authorizer.DecisionDeny, "the other one", errRefused
	}}
	a := WithGrants(next, []Grant{{User: "part", Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"get", "update"}, APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"queries", "queries/status"}},
	}}}, caller)
	attributes := func(name, verb, resource, subresource string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{
			User: &user.DefaultInfo{Name: name}, Verb: verb, Namespace: "default", APIGroup: "ark.mckinsey.com", APIVersion: "v1alpha1",
			Resource: resource, Subresource: subresource, Name: "one", ResourceRequest: true,
		}
	}
	nobody := attributes("part", "get", "queries", "")
	nobody.User = nil
	otherGroup := attributes("part", "get", "queries", "")
	otherGroup.APIGroup = ""
	path := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "part"}, Verb: "get", Path: "/metrics"}
	for name, c := range map[string]struct {
		of   authorizer.Attributes
		want bool
	}{
		"granted":             {attributes("part", "get", "queries", ""), true},
		"granted, status":     {attributes("part", "update", "queries", "status"), true},
		"another verb":        {attributes("part", "delete", "queries", ""), false},
		"another resource":    {attributes("part", "get", "agents", ""), false},
		"another subresource": {attributes("part", "get", "queries", "log"), false},
		"another group":       {otherGroup, false},
		"another user":        {attributes("somebody", "get", "queries", ""), false},
		"nobody":              {nobody, false},
		"a path":              {path, false},
	} {
		ctx := inProcess(t.Context(), "part")
		if name == "another user" {
			ctx = inProcess(t.Context(), "somebody")
		}
		decision, reason, err := a.Authorize(ctx, c.of)
		if allowed := decision == authorizer.DecisionAllow; allowed != c.want || (err == nil) != c.want || c.want == (reason == "the other one") {
			t.Errorf("%s: %s, %q, %v", name, decision, reason, err)
		}
		aware := a.ConditionsAwareAuthorize(ctx, c.of)
		if aware.IsAllow() != c.want || aware.IsDeny() == c.want {
			t.Errorf("%s, asked with conditions: %v", name, aware)
		}
	}
	// The name alone is not enough: the part itself has to ask.
	for name, ctx := range map[string]context.Context{"over a socket": t.Context(), "impersonated in the process": inProcess(t.Context(), "alice")} {
		of := attributes("part", "get", "queries", "")
		if decision, _, _ := a.Authorize(ctx, of); decision == authorizer.DecisionAllow {
			t.Errorf("%s: allowed", name)
		}
		if aware := a.ConditionsAwareAuthorize(ctx, of); aware.IsAllow() {
			t.Errorf("%s, asked with conditions: allowed", name)
		}
	}
	decision, reason, err := a.EvaluateConditions(t.Context(), authorizer.ConditionsAwareDecision{}, nil)
	if decision != authorizer.DecisionAllow || reason != "the other one" || err != nil {
		t.Errorf("conditions of the other one: %s, %q, %v", decision, reason, err)
	}
	if got, isGranting := WithGrants(next, nil, caller).(granting); isGranting {
		t.Errorf("without grants: %v", got)
	}
}

// TestOwn: the rights of one request are for its user, its namespace and its rules, and for no
// other request.
func TestOwn(t *testing.T) {
	next := evaluating{func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
		return authorizer.DecisionDeny, "the other one", nil
	}}
	a := WithGrants(next, []Grant{{User: "part"}}, caller)
	own := Own{User: "alice", Namespace: "default", Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"get"}, APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"agents"}, ResourceNames: []string{"guide"}},
		{Verbs: []string{"create"}, APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"queries"}},
	}}
	with := context.WithValue(t.Context(), OwnKey(), own)
	attributes := func(who, namespace, verb, resource, name string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{
			User: &user.DefaultInfo{Name: who}, Verb: verb, Namespace: namespace, APIGroup: "ark.mckinsey.com", APIVersion: "v1alpha1",
			Resource: resource, Name: name, ResourceRequest: true,
		}
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		of   authorizer.Attributes
		want bool
	}{
		"to get it":         {with, attributes("alice", "default", "get", "agents", "guide"), true},
		"to ask":            {with, attributes("alice", "default", "create", "queries", ""), true},
		"another one":       {with, attributes("alice", "default", "get", "agents", "editor"), false},
		"all of them":       {with, attributes("alice", "default", "list", "agents", ""), false},
		"another namespace": {with, attributes("alice", "other", "create", "queries", ""), false},
		"another user":      {with, attributes("bob", "default", "create", "queries", ""), false},
		"another request":   {t.Context(), attributes("alice", "default", "create", "queries", ""), false},
	} {
		decision, _, _ := a.Authorize(c.ctx, c.of)
		if got := decision == authorizer.DecisionAllow; got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
		if aware := a.ConditionsAwareAuthorize(c.ctx, c.of); aware.IsAllow() != c.want {
			t.Errorf("%s, asked with conditions: %v", name, aware)
		}
	}
}
