package registry

import "github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"

func arkConfig() Kind {
	return define(definition[v1alpha1.ArkConfig, v1alpha1.ArkConfigList, v1alpha1.ArkConfigSpec, *v1alpha1.ArkConfigStatus]{
		version: v1alpha1.SchemeGroupVersion,
		name:    "ArkConfig", plural: "arkconfigs", singular: "arkconfig",
		clusterScoped: true,
		spec:          func(o *v1alpha1.ArkConfig) *v1alpha1.ArkConfigSpec { return &o.Spec },
		status:        func(o *v1alpha1.ArkConfig) **v1alpha1.ArkConfigStatus { return &o.Status },
		columns: []column[v1alpha1.ArkConfig]{
			{name: "QueryTTL", kind: "string", path: ".spec.queryTTL", cell: func(o *v1alpha1.ArkConfig) any {
				return text(o.Spec.QueryTTL)
			}},
			age[v1alpha1.ArkConfig](),
		},
	})
}
