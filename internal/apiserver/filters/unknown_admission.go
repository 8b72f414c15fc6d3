package filters

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"

	"github.com/mckinsey/ark-server/internal/registry"
)

// WithUnknownFields has the unknown fields of an object checked before a chain of
// admission plugins takes it: webhooks see what is kept, and are not called for a request
// that is refused. Where the chain has nothing to do with an operation the registry alone
// checks it.
func WithUnknownFields(chain admission.Interface) admission.Interface {
	mutating, ok := chain.(admission.MutationInterface)
	if !ok {
		return chain
	}
	head := unknownFields{mutating}
	if validating, ok := chain.(admission.ValidationInterface); ok {
		return validatedUnknownFields{head, validating}
	}
	return head
}

type unknownFields struct{ admission.MutationInterface }

// Admit implements admission.MutationInterface.
func (u unknownFields) Admit(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	if validation, ok := fieldValidationOf(a); ok {
		if err := registry.CheckUnknown(ctx, a.GetKind(), a.GetObject(), a.GetOldObject(), a.GetSubresource() == "status", validation); err != nil {
			return err
		}
	}
	return u.MutationInterface.Admit(ctx, a, o)
}

// fieldValidationOf returns what a write asks for; ok is false for other requests.
func fieldValidationOf(a admission.Attributes) (validation string, ok bool) {
	switch options := a.GetOperationOptions().(type) {
	case *metav1.CreateOptions:
		return options.FieldValidation, a.GetOperation() == admission.Create
	case *metav1.UpdateOptions:
		return options.FieldValidation, a.GetOperation() == admission.Update
	}
	return "", false
}

type validatedUnknownFields struct {
	unknownFields
	validating admission.ValidationInterface
}

// Validate implements admission.ValidationInterface.
func (v validatedUnknownFields) Validate(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	return v.validating.Validate(ctx, a, o)
}
