package registry

import (
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func team() Kind {
	return define(definition[v1alpha1.Team, v1alpha1.TeamList, v1alpha1.TeamSpec, *v1alpha1.TeamStatus]{
		version: v1alpha1.SchemeGroupVersion,
		name:    "Team", plural: "teams", singular: "team",
		spec:   func(o *v1alpha1.Team) *v1alpha1.TeamSpec { return &o.Spec },
		status: func(o *v1alpha1.Team) **v1alpha1.TeamStatus { return &o.Status },
		columns: []column[v1alpha1.Team]{
			{name: "Strategy", kind: "string", path: ".spec.strategy", cell: func(o *v1alpha1.Team) any {
				return word(o.Spec.Strategy)
			}},
			{name: "Available", kind: "string", path: `.status.conditions[?(@.type=="Available")].status`, cell: func(o *v1alpha1.Team) any {
				return optional(o.Status, func(s *v1alpha1.TeamStatus) any { return condition(s.Conditions, "Available") })
			}},
			age[v1alpha1.Team](),
		},
	})
}
