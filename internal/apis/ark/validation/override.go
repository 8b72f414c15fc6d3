package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateOverrides(path *field.Path, overrides []v1alpha1.Override) (errs field.ErrorList) {
	for i := range overrides {
		override, path := &overrides[i], path.Index(i)
		errs = append(errs, requireList(path.Child("headers"), override.Headers)...)
	}
	return errs
}
