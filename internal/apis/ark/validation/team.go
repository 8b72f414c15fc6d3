package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateTeamSpec(path *field.Path, spec *v1alpha1.TeamSpec) field.ErrorList {
	errs := requireList(path.Child("members"), spec.Members)
	if spec.Graph != nil {
		errs = append(errs, requireList(path.Child("graph", "edges"), spec.Graph.Edges)...)
	}
	return errs
}

func validateTeamStatus(path *field.Path, status *v1alpha1.TeamStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	return validateConditions(path.Child("conditions"), status.Conditions)
}
