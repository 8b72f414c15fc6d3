package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateQuerySpec(path *field.Path, spec *v1alpha1.QuerySpec) (errs field.ErrorList) {
	if spec.Input.Raw == "" {
		errs = append(errs, field.Required(path.Child("input"), "must be the question, usually a text"))
	}
	errs = append(errs, validateDuration(path.Child("ttl"), spec.TTL)...)
	errs = append(errs, validateDuration(path.Child("timeout"), spec.Timeout)...)
	return append(errs, validateOverrides(path.Child("overrides"), spec.Overrides)...)
}

func validateQueryStatus(path *field.Path, status *v1alpha1.QueryStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	errs := validateDuration(path.Child("duration"), status.Duration)
	return append(errs, validateConditions(path.Child("conditions"), status.Conditions)...)
}
