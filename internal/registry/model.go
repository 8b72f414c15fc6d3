package registry

import (
	"context"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineModel() Kind {
	return define(definition[v1alpha1.Model, v1alpha1.ModelSpec, *v1alpha1.ModelStatus]{
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
			{name: "Address", kind: "string", path: ".status.resolvedAddress", wide: true, cell: func(o *v1alpha1.Model) any {
				return optional(o.Status, func(x *v1alpha1.ModelStatus) any { return text(x.ResolvedAddress) })
			}},
		},
		fields: []selectable[v1alpha1.Model]{
			{path: "spec.provider", value: func(o *v1alpha1.Model) string { return string(o.Spec.Provider) }},
			{path: "spec.type", value: func(o *v1alpha1.Model) string { return textOf(o.Spec.Type) }},
			{path: "status.conditions.ModelAvailable", value: func(o *v1alpha1.Model) string {
				return selected(o.Status, func(s *v1alpha1.ModelStatus) any { return condition(s.Conditions, "ModelAvailable") })
			}},
		},
		durations: func(o *v1alpha1.Model) []place { return []place{&o.Spec.PollInterval} },
		hooks: hooks[*v1alpha1.Model]{
			goDurations: true,
			defaults:    func(_ context.Context, _ rules.Env, o *v1alpha1.Model, _ bool) { rules.DefaultModel(o) },
			check:       rules.CheckModel,
			warn:        func(_ context.Context, _ rules.Env, o *v1alpha1.Model) []string { return rules.MigrationWarnings(o) },
		},
	})
}
