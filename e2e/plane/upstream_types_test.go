package plane

import (
	"context"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// typePolicy is what a policy matches whose types are checked.
type typePolicy struct{ group, version, resource string }

// typed makes a policy with an expression, and wants these warnings, each with its field: none,
// where the types are right.
func (c *trial) typed(of typePolicy, expression, message string, want ...string) {
	c.Helper()
	policies := c.core.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	matching := admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{of.group}, APIVersions: []string{of.version}, Resources: []string{of.resource}},
	}}
	made, err := policies.Create(c.Context(), &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{GenerateName: c.ns + "-"},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: c.ns}},
				ResourceRules:     []admissionregistrationv1.NamedRuleWithOperations{matching},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: expression, MessageExpression: message}},
		},
	}, metav1.CreateOptions{})
	c.must("make a policy", err)
	c.Cleanup(func() {
		if err := policies.Delete(context.WithoutCancel(c.Context()), made.Name, erase); err != nil {
			c.Error(err)
		}
	})
	c.until("its types are checked", func() (err error) {
		if made, err = policies.Get(c.Context(), made.Name, read); err != nil {
			return err
		}
		return isTrue(made.Status.TypeChecking != nil, "the status is %+v", made.Status)
	})
	c.want(made.Status.ObservedGeneration == made.Generation, "generation %d of %d is observed", made.Status.ObservedGeneration, made.Generation)
	warnings := made.Status.TypeChecking.ExpressionWarnings
	c.want(len(warnings) == len(want)/2, "%s: %d warnings, want %d: %v", expression, len(warnings), len(want)/2, warnings)
	for i, warning := range warnings {
		if 2*i < len(want) {
			c.want(warning.FieldRef == want[2*i] && strings.Contains(warning.Warning, want[2*i+1]), "%s: %+v", expression, warning)
		}
	}
}
