package validation

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateLabelSelector checks only what the schema says: every expression has
// a key and an operator. The Go type cannot tell an absent key from an empty
// one; neither can select anything.
func validateLabelSelector(path *field.Path, selector *metav1.LabelSelector) (errs field.ErrorList) {
	if selector == nil {
		return nil
	}
	for i := range selector.MatchExpressions {
		expression, path := &selector.MatchExpressions[i], path.Child("matchExpressions").Index(i)
		if expression.Key == "" {
			errs = append(errs, field.Required(path.Child("key"), "must be the key of a label"))
		}
		if expression.Operator == "" {
			errs = append(errs, field.Required(path.Child("operator"), "must be In, NotIn, Exists or DoesNotExist"))
		}
	}
	return errs
}
