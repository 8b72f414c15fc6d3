package registry

import (
	"context"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineTeam() Kind {
	return define(definition[v1alpha1.Team, v1alpha1.TeamSpec, *v1alpha1.TeamStatus]{
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
			{name: "Members", kind: "string", path: ".spec.members[*].name", wide: true, cell: func(o *v1alpha1.Team) any {
				return memberNames(o.Spec.Members)
			}},
			{name: "Description", kind: "string", path: ".spec.description", wide: true, cell: func(o *v1alpha1.Team) any {
				return text(o.Spec.Description)
			}},
		},
		fields: []selectable[v1alpha1.Team]{
			{path: "spec.strategy", value: func(o *v1alpha1.Team) string { return string(o.Spec.Strategy) }},
			{path: "status.conditions.Available", value: func(o *v1alpha1.Team) string {
				return selected(o.Status, func(s *v1alpha1.TeamStatus) any { return condition(s.Conditions, "Available") })
			}},
		},
		hooks: hooks[*v1alpha1.Team]{
			defaults: func(_ context.Context, _ rules.Env, o *v1alpha1.Team, _ bool) { rules.DefaultTeam(o) },
			check:    rules.CheckTeam,
			warn:     func(_ context.Context, _ rules.Env, o *v1alpha1.Team) []string { return rules.MigrationWarnings(o) },
		},
	})
}

// memberNames is a cell with the names of a team's members.
func memberNames(members []v1alpha1.TeamMember) any {
	var names []string
	for _, member := range members {
		if member.Name != nil {
			names = append(names, *member.Name)
		}
	}
	return word(strings.Join(names, ","))
}
