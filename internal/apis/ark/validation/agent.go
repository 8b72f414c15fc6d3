package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateAgentSpec(path *field.Path, spec *v1alpha1.AgentSpec) field.ErrorList {
	errs := requireObject(path.Child("outputSchema"), spec.OutputSchema)
	return append(errs, validateOverrides(path.Child("overrides"), spec.Overrides)...)
}

func validateAgentStatus(path *field.Path, status *v1alpha1.AgentStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	return validateConditions(path.Child("conditions"), status.Conditions)
}
