package registry

import (
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func model() Kind {
	return define(definition[v1alpha1.Model, v1alpha1.ModelList, v1alpha1.ModelSpec, *v1alpha1.ModelStatus]{
		version: v1alpha1.SchemeGroupVersion,
		name:    "Model", plural: "models", singular: "model",
		spec:   func(o *v1alpha1.Model) *v1alpha1.ModelSpec { return &o.Spec },
		status: func(o *v1alpha1.Model) **v1alpha1.ModelStatus { return &o.Status },
		columns: []column[v1alpha1.Model]{
			{name: "Type", kind: "string", path: ".spec.type", cell: func(o *v1alpha1.Model) any {
				return text(o.Spec.Type)
			}},
			{name: "Provider", kind: "string", path: ".spec.provider", cell: func(o *v1alpha1.Model) any {
				return word(o.Spec.Provider)
			}},
			{name: "Model", kind: "string", path: ".spec.model.value", cell: func(o *v1alpha1.Model) any {
				return optional(o.Spec.Model, func(v *v1alpha1.ValueSource) any { return text(v.Value) })
			}},
			{name: "Available", kind: "string", path: `.status.conditions[?(@.type=="ModelAvailable")].status`, cell: func(o *v1alpha1.Model) any {
				return optional(o.Status, func(s *v1alpha1.ModelStatus) any { return condition(s.Conditions, "ModelAvailable") })
			}},
			age[v1alpha1.Model](),
		},
	})
}
