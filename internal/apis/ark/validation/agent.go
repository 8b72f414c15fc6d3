package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateAgentSpec(path *field.Path, spec *v1alpha1.AgentSpec) field.ErrorList {
	errs := requireObject(path.Child("outputSchema"), spec.OutputSchema)
	for i := range spec.Tools {
		errs = append(errs, validateApproval(path.Child("tools").Index(i).Child("approval"), spec.Tools[i].Approval)...)
	}
	return append(errs, validateOverrides(path.Child("overrides"), spec.Overrides)...)
}

func validateAgentStatus(path *field.Path, status *v1alpha1.AgentStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	return validateConditions(path.Child("conditions"), status.Conditions)
}
