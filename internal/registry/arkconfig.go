package registry

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineArkConfig() Kind {
	return define(definition[v1alpha1.ArkConfig, v1alpha1.ArkConfigSpec, *v1alpha1.ArkConfigStatus]{
		spec:   func(o *v1alpha1.ArkConfig) *v1alpha1.ArkConfigSpec { return &o.Spec },
		status: func(o *v1alpha1.ArkConfig) **v1alpha1.ArkConfigStatus { return &o.Status },
		columns: []column[v1alpha1.ArkConfig]{
			{name: "QueryTTL", kind: "string", path: ".spec.queryTTL", cell: func(o *v1alpha1.ArkConfig) any {
				return text(o.Spec.QueryTTL)
			}},
			age[v1alpha1.ArkConfig](),
			{name: "Memory", kind: "string", path: ".spec.defaultMemory.name", wide: true, cell: func(o *v1alpha1.ArkConfig) any {
				return optional(o.Spec.DefaultMemory, func(x *v1alpha1.ResourceReference) any { return word(x.Name) })
			}},
		},
		durations: func(o *v1alpha1.ArkConfig) []place { return []place{&o.Spec.QueryTTL} },
		hooks: hooks[*v1alpha1.ArkConfig]{
			check: func(_ context.Context, _ rules.Env, o *v1alpha1.ArkConfig) field.ErrorList {
				return rules.CheckArkConfig(o)
			},
			warn: func(_ context.Context, _ rules.Env, o *v1alpha1.ArkConfig) []string { return rules.WarnArkConfig(o) },
		},
	})
}
