package rules

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// valueSource checks that what a value is taken from exists. The value itself
// wins, and an absent source is fine: fields that need one say so.
func (s scope) valueSource(ctx context.Context, path *field.Path, source *v1alpha1.ValueSource) (errs field.ErrorList) {
	if source == nil || source.ValueFrom == nil {
		return nil
	}
	from, path := source.ValueFrom, path.Child("valueFrom")
	if from.SecretKeyRef != nil {
		errs = append(errs, s.secretKey(ctx, path.Child("secretKeyRef"), "", from.SecretKeyRef)...)
	}
	if from.ConfigMapKeyRef != nil {
		errs = append(errs, s.configMapKey(ctx, path.Child("configMapKeyRef"), "", from.ConfigMapKeyRef)...)
	}
	return errs
}

// address checks that a value can be found out: it is there, or its source is
// named and exists. A Service is not read; it may come later.
func (s scope) address(ctx context.Context, path *field.Path, source *v1alpha1.ValueSource) field.ErrorList {
	if source == nil {
		return nil // the schema requires it
	}
	if !empty(source.Value) {
		return nil
	}
	from := source.ValueFrom
	if from == nil {
		return field.ErrorList{field.Required(path, "must specify either value or valueFrom")}
	}
	if from.SecretKeyRef == nil && from.ConfigMapKeyRef == nil && from.ServiceRef == nil && from.QueryParameterRef == nil {
		return field.ErrorList{field.Required(path.Child("valueFrom"), "must specify secretKeyRef, configMapKeyRef or serviceRef")}
	}
	if from.ServiceRef != nil && empty(from.ServiceRef.Name) {
		return field.ErrorList{field.Required(path.Child("valueFrom", "serviceRef", "name"), "must be the name of a Service")}
	}
	return s.valueSource(ctx, path, source)
}

// plain returns a value source of v1prealpha1 as one of v1alpha1.
func plain(source *v1prealpha1.ValueSource) *v1alpha1.ValueSource {
	if source == nil {
		return nil
	}
	out := &v1alpha1.ValueSource{Value: source.Value}
	if from := source.ValueFrom; from != nil {
		out.ValueFrom = &v1alpha1.ValueFromSource{
			SecretKeyRef: from.SecretKeyRef, ConfigMapKeyRef: from.ConfigMapKeyRef, ServiceRef: from.ServiceRef,
		}
	}
	return out
}
