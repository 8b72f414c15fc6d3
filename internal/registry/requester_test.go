package registry

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// rights allow what is in them, as "user verb resource namespace/name".
type rights map[string]bool

func (r rights) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if !a.IsResourceRequest() {
		return authorizer.DecisionDeny, "", fmt.Errorf("not about a resource: %v", a)
	}
	if r[strings.Join([]string{a.GetUser().GetName(), a.GetVerb(), a.GetResource(), a.GetNamespace() + "/" + a.GetName()}, " ")] {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

func (r rights) ConditionsAwareAuthorize(ctx context.Context, a authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(r.Authorize(ctx, a))
}

func (r rights) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}

// strategyFor is the main strategy of a kind with rules, without other objects.
func strategyFor(kind Kind, allow rights) strategy {
	env := Environment{Authorizer: allow, Now: func() time.Time { return time.Unix(1e9, 0) }}
	s := newStrategy(kind, nil)
	s.rules = &ruleset{kind: kind, env: env, objects: rules.Env{Objects: newArkObjects(nil)}}
	return s
}

func as(name string) context.Context {
	return request.WithUser(context.Background(), &user.DefaultInfo{Name: name})
}

func TestServiceAccountNeedsImpersonation(t *testing.T) {
	s := strategyFor(defineQuery(), rights{"ann impersonate serviceaccounts team-a/runner": true})
	account := "runner"
	q := &v1alpha1.Query{
		ObjectMeta: metav1.ObjectMeta{Name: "q", Namespace: "team-a"},
		Spec:       v1alpha1.QuerySpec{Input: v1alpha1.JSON{Raw: `"x"`}, ServiceAccount: &account, Selector: &v1alpha1.LabelSelector{}},
	}
	if errs := s.Validate(as("ann"), q); len(errs) > 0 {
		t.Errorf("ann may, and is refused: %v", errs)
	}
	errs := s.Validate(as("bob"), q)
	want := `user "bob" is not authorized to run queries as service account "runner" in namespace "team-a"`
	if len(errs) != 1 || errs[0].Field != "spec.serviceAccount" || !strings.Contains(errs[0].Detail, want) {
		t.Errorf("bob may not: got %v, want %s", errs, want)
	}

	// Metadata may be changed by who may change queries; the spec may not, even if
	// the service account was there before.
	labelled := q.DeepCopy()
	labelled.Finalizers = []string{"ark.mckinsey.com/finalizer"}
	if errs := s.ValidateUpdate(as("bob"), labelled, q); len(errs) > 0 {
		t.Errorf("a finalizer: %v", errs)
	}
	changed := q.DeepCopy()
	changed.Spec.Input.Raw = `"y"`
	changed.Generation++
	if errs := s.ValidateUpdate(as("bob"), changed, q); len(errs) != 1 {
		t.Errorf("bob changes what runs as the service account: got %v, want a fault", errs)
	}
}

func TestInlineToolsNeedTheirAuthorsPermission(t *testing.T) {
	s := strategyFor(defineTool(), rights{"ann use inlinetools team-a/csv": true})
	fresh := func() *v1alpha1.Tool {
		return &v1alpha1.Tool{
			ObjectMeta: metav1.ObjectMeta{Name: "csv", Namespace: "team-a", Labels: map[string]string{rules.SkipLabel: "true"}},
			Spec:       v1alpha1.ToolSpec{Type: v1alpha1.ToolInline, Inline: &v1alpha1.InlineTool{Language: "bash", Source: "echo"}},
		}
	}
	tool := fresh()
	s.PrepareForCreate(as("ann"), tool)
	if errs := s.Validate(as("ann"), tool); len(errs) > 0 {
		t.Errorf("ann may, and is refused: %v", errs)
	}
	if errs := s.Validate(as("bob"), tool); len(errs) != 1 || !strings.Contains(errs[0].Detail, "not authorized to author inline tools") {
		t.Errorf("bob may not, and the label does not help: got %v", errs)
	}
	const by, at = "ark.mckinsey.com/inline-authored-by", "ark.mckinsey.com/inline-authored-at"
	if tool.Annotations[by] != "ann" || tool.Annotations[at] != "2001-09-09T01:46:40Z" {
		t.Errorf("the author is noted as %v", tool.Annotations)
	}

	// Others may change the metadata, and the author's name stays whatever they say.
	renamed := tool.DeepCopy()
	renamed.Annotations = map[string]string{by: "bob", "a": "b"}
	s.PrepareForUpdate(as("bob"), renamed, tool)
	if errs := s.ValidateUpdate(as("bob"), renamed, tool); len(errs) > 0 {
		t.Errorf("a change of annotations: %v", errs)
	}
	if renamed.Annotations[by] != "ann" || renamed.Annotations["a"] != "b" {
		t.Errorf("after a change of annotations: %v", renamed.Annotations)
	}
}

func TestToolsDoNotBecomeInline(t *testing.T) {
	s := strategyFor(defineTool(), rights{"ann use inlinetools team-a/csv": true})
	old := &v1alpha1.Tool{ObjectMeta: metav1.ObjectMeta{Name: "csv", Namespace: "team-a"},
		Spec: v1alpha1.ToolSpec{Type: v1alpha1.ToolAgent, Agent: &v1alpha1.LocalReference{Name: "a"}}}
	tool := old.DeepCopy()
	tool.Spec = v1alpha1.ToolSpec{Type: v1alpha1.ToolInline, Inline: &v1alpha1.InlineTool{Language: "bash", Source: "echo"}}
	tool.Generation++
	for _, c := range []struct{ obj, old *v1alpha1.Tool }{{tool, old}, {old, tool}} {
		obj := c.obj.DeepCopy()
		obj.Generation = c.old.Generation + 1
		if errs := s.ValidateUpdate(as("ann"), obj, c.old); len(errs) != 1 || errs[0].Field != "spec.type" {
			t.Errorf("from %s to %s: got %v, want one fault of spec.type", c.old.Spec.Type, obj.Spec.Type, errs)
		}
	}
}
