package rules

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// notNegative refuses a duration below zero. What is no duration is for the
// schema to refuse.
func notNegative(path *field.Path, name string, value *v1alpha1.Duration) field.ErrorList {
	if value == nil {
		return nil
	}
	if d, err := value.Parse(); err == nil && d < 0 {
		return field.ErrorList{field.Invalid(path.Child(name), string(*value), name+" cannot be negative")}
	}
	return nil
}

// positive refuses a duration of zero or less.
func positive(path *field.Path, prefix, name string, value *v1alpha1.Duration) field.ErrorList {
	if value == nil {
		return nil
	}
	if d, err := value.Parse(); err == nil && d <= 0 {
		return field.ErrorList{field.Invalid(path.Child(name), string(*value), prefix+name+" must be greater than zero")}
	}
	return nil
}
