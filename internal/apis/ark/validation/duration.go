package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// validateDuration returns an error at path if value is there and cannot be
// read. The schema allows any text, but the controllers, which read the field
// into a metav1.Duration, would fail on the whole object.
func validateDuration(path *field.Path, value *v1alpha1.Duration) field.ErrorList {
	if value == nil {
		return nil
	}
	if _, err := value.Parse(); err != nil {
		return field.ErrorList{field.Invalid(path, string(*value), "must be a duration such as 30s, 5m or 1h30m")}
	}
	return nil
}

func validateApproval(path *field.Path, approval *v1alpha1.ToolApproval) field.ErrorList {
	if approval == nil {
		return nil
	}
	return validateDuration(path.Child("timeout"), approval.Timeout)
}
