package rules

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// parameters checks that each parameter has a name and exactly one value, which
// exists. An empty value counts as none.
func (s scope) parameters(ctx context.Context, path *field.Path, parameters []v1alpha1.Parameter) (errs field.ErrorList) {
	for i := range parameters {
		p, path := &parameters[i], path.Index(i)
		if p.Name == "" {
			errs = append(errs, field.Required(path.Child("name"), fmt.Sprintf("parameter[%d]: name cannot be empty", i)))
			continue
		}
		prefix := fmt.Sprintf("parameter[%d] '%s': ", i, p.Name)
		switch {
		case !empty(p.Value) && p.ValueFrom != nil:
			errs = append(errs, field.Invalid(path, p.Name, prefix+"cannot specify both value and valueFrom"))
		case empty(p.Value) && p.ValueFrom == nil:
			errs = append(errs, field.Required(path.Child("value"), prefix+"must specify either value or valueFrom"))
		case p.ValueFrom != nil:
			errs = append(errs, s.parameterSource(ctx, path.Child("valueFrom"), prefix, p.ValueFrom)...)
		}
	}
	return errs
}

func (s scope) parameterSource(ctx context.Context, path *field.Path, prefix string, from *v1alpha1.ValueFromSource) (errs field.ErrorList) {
	sources := 0
	if ref := from.ConfigMapKeyRef; ref != nil {
		sources++
		errs = append(errs, s.configMapKey(ctx, path.Child("configMapKeyRef"), prefix, ref)...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		sources++
		errs = append(errs, s.secretKey(ctx, path.Child("secretKeyRef"), prefix, ref)...)
	}
	if ref := from.ServiceRef; ref != nil {
		sources++
		if empty(ref.Name) {
			errs = append(errs, field.Required(path.Child("serviceRef", "name"), prefix+"serviceRef name cannot be empty"))
		}
	}
	if ref := from.QueryParameterRef; ref != nil {
		sources++
		if ref.Name == "" {
			errs = append(errs, field.Required(path.Child("queryParameterRef", "name"), prefix+"queryParameterRef name cannot be empty"))
		}
	}
	if sources != 1 {
		return field.ErrorList{field.Invalid(path, fmt.Sprintf("%d sources", sources), prefix+
			"valueFrom must specify exactly one source: configMapKeyRef, secretKeyRef, serviceRef or queryParameterRef")}
	}
	return errs
}
