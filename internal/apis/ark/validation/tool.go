package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateToolSpec(path *field.Path, spec *v1alpha1.ToolSpec) field.ErrorList {
	errs := requireObject(path.Child("inputSchema"), spec.InputSchema)
	errs = append(errs, validateApproval(path.Child("approval"), spec.Approval)...)
	if spec.HTTP == nil {
		return errs
	}
	path = path.Child("http")
	// An absent url is the generated validation's to report.
	if spec.HTTP.URL != "" {
		errs = append(errs, httpURLPattern.check(path.Child("url"), spec.HTTP.URL)...)
	}
	return append(errs, httpTimeoutPattern.checkOptional(path.Child("timeout"), spec.HTTP.Timeout)...)
}

func validateToolStatus(path *field.Path, status *v1alpha1.ToolStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	return validateConditions(path.Child("conditions"), status.Conditions)
}
