package validation

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate returns the violations of the schema in obj's spec and status that
// the generated validation does not find. obj is a defaulted object of any
// kind of the group; for other objects it returns nil. It only reads obj.
func Validate(obj runtime.Object) field.ErrorList {
	return nil
}
