package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateConditions(path *field.Path, conditions []v1alpha1.Condition) (errs field.ErrorList) {
	for i := range conditions {
		condition, path := &conditions[i], path.Index(i)
		// An absent type or reason is the generated validation's to report.
		if condition.Type != "" {
			errs = append(errs, conditionTypePattern.check(path.Child("type"), condition.Type)...)
		}
		if condition.Reason != "" {
			errs = append(errs, conditionReasonPattern.check(path.Child("reason"), condition.Reason)...)
		}
		if condition.LastTransitionTime.IsZero() {
			errs = append(errs, field.Required(path.Child("lastTransitionTime"),
				"must be the time of the last change, such as 2025-01-31T12:00:00Z"))
		}
	}
	return errs
}
