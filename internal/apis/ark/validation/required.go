package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// requireList returns an error at path if list is absent. An empty list is
// fine, which is why the tag +k8s:required, which refuses it, is not used.
func requireList[T any](path *field.Path, list []T) field.ErrorList {
	if list != nil {
		return nil
	}
	return field.ErrorList{field.Required(path, "must be a list; it may be empty")}
}

// requireObject returns an error at path if value is anything but an object.
func requireObject(path *field.Path, value *v1alpha1.JSONObject) field.ErrorList {
	if value == nil || len(value.Raw) > 0 && value.Raw[0] == '{' {
		return nil
	}
	return field.ErrorList{field.TypeInvalid(path, value.Raw, "must be an object")}
}
