package registry

import (
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func agent() Kind {
	return define(definition[v1alpha1.Agent, v1alpha1.AgentList, v1alpha1.AgentSpec, *v1alpha1.AgentStatus]{
		version: v1alpha1.SchemeGroupVersion,
		name:    "Agent", plural: "agents", singular: "agent",
		spec:   func(o *v1alpha1.Agent) *v1alpha1.AgentSpec { return &o.Spec },
		status: func(o *v1alpha1.Agent) **v1alpha1.AgentStatus { return &o.Status },
		columns: []column[v1alpha1.Agent]{
			{name: "Model", kind: "string", path: ".spec.modelRef.name", cell: func(o *v1alpha1.Agent) any {
				return optional(o.Spec.ModelRef, func(r *v1alpha1.ResourceReference) any { return word(r.Name) })
			}},
			{name: "Available", kind: "string", path: `.status.conditions[?(@.type=="Available")].status`, cell: func(o *v1alpha1.Agent) any {
				return optional(o.Status, func(s *v1alpha1.AgentStatus) any { return condition(s.Conditions, "Available") })
			}},
			age[v1alpha1.Agent](),
		},
	})
}
