package registry

import "github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"

func query() Kind {
	return define(definition[v1alpha1.Query, v1alpha1.QueryList, v1alpha1.QuerySpec, *v1alpha1.QueryStatus]{
		version: v1alpha1.SchemeGroupVersion,
		name:    "Query", plural: "queries", singular: "query",
		spec:   func(o *v1alpha1.Query) *v1alpha1.QuerySpec { return &o.Spec },
		status: func(o *v1alpha1.Query) **v1alpha1.QueryStatus { return &o.Status },
		columns: []column[v1alpha1.Query]{
			{name: "Type", kind: "string", path: ".spec.type", cell: func(o *v1alpha1.Query) any {
				return text(o.Spec.Type)
			}},
			{name: "Phase", kind: "string", path: ".status.phase", cell: func(o *v1alpha1.Query) any {
				return optional(o.Status, func(s *v1alpha1.QueryStatus) any { return text(s.Phase) })
			}},
			{name: "Duration", kind: "string", path: ".status.duration", cell: func(o *v1alpha1.Query) any {
				return optional(o.Status, func(s *v1alpha1.QueryStatus) any { return text(s.Duration) })
			}},
			age[v1alpha1.Query](),
		},
	})
}
