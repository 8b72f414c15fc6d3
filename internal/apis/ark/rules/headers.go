package rules

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// checkHeaders checks that each header has a name and exactly one value. Whether
// the Secret or ConfigMap exists is seen when the header is sent.
func checkHeaders(path *field.Path, prefix string, headers []v1alpha1.Header) (errs field.ErrorList) {
	for i := range headers {
		h, path, prefix := &headers[i], path.Index(i), fmt.Sprintf("%sheaders[%d]: ", prefix, i)
		if h.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), prefix+"name cannot be empty"))
		}
		if h.Value == nil {
			continue // the schema requires it
		}
		from, path := h.Value.ValueFrom, path.Child("value")
		switch {
		case !empty(h.Value.Value) && from != nil:
			errs = append(errs, field.Invalid(path, h.Name, prefix+"cannot specify both value and valueFrom"))
		case empty(h.Value.Value) && from == nil:
			errs = append(errs, field.Required(path, prefix+"must specify either value or valueFrom"))
		case from != nil && from.SecretKeyRef != nil && from.ConfigMapKeyRef != nil:
			errs = append(errs, field.Invalid(path.Child("valueFrom"), h.Name, prefix+"valueFrom cannot specify both secretKeyRef and configMapKeyRef"))
		case from != nil && from.SecretKeyRef == nil && from.ConfigMapKeyRef == nil:
			errs = append(errs, field.Required(path.Child("valueFrom"), prefix+"valueFrom must specify either secretKeyRef or configMapKeyRef"))
		}
	}
	return errs
}

// checkOverrides checks that each override has headers, and those. The kind of
// resource is for the schema.
func checkOverrides(path *field.Path, overrides []v1alpha1.Override) (errs field.ErrorList) {
	for i := range overrides {
		o, path := &overrides[i], path.Index(i).Child("headers")
		if o.Headers != nil && len(o.Headers) == 0 {
			errs = append(errs, field.Required(path, fmt.Sprintf("overrides[%d]: must have at least one header", i)))
		}
		errs = append(errs, checkHeaders(path, fmt.Sprintf("overrides[%d].", i), o.Headers)...)
	}
	return errs
}
