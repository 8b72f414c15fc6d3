package registry

import (
	"context"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineAgent() Kind {
	return define(definition[v1alpha1.Agent, v1alpha1.AgentSpec, *v1alpha1.AgentStatus]{
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
			{name: "Engine", kind: "string", path: ".spec.executionEngine.name", wide: true, cell: func(o *v1alpha1.Agent) any {
				return optional(o.Spec.ExecutionEngine, func(x *v1alpha1.ResourceReference) any { return word(x.Name) })
			}},
			{name: "Description", kind: "string", path: ".spec.description", wide: true, cell: func(o *v1alpha1.Agent) any {
				return text(o.Spec.Description)
			}},
		},
		fields: []selectable[v1alpha1.Agent]{
			{path: "spec.modelRef.name", value: func(o *v1alpha1.Agent) string {
				return selected(o.Spec.ModelRef, func(r *v1alpha1.ResourceReference) any { return word(r.Name) })
			}},
			{path: "spec.executionEngine.name", value: func(o *v1alpha1.Agent) string {
				return selected(o.Spec.ExecutionEngine, func(r *v1alpha1.ResourceReference) any { return word(r.Name) })
			}},
			{path: "status.conditions.Available", value: func(o *v1alpha1.Agent) string {
				return selected(o.Status, func(s *v1alpha1.AgentStatus) any { return condition(s.Conditions, "Available") })
			}},
		},
		durations: func(o *v1alpha1.Agent) []place {
			places := make([]place, len(o.Spec.Tools))
			for i := range o.Spec.Tools {
				if approval := o.Spec.Tools[i].Approval; approval != nil {
					places[i] = &approval.Timeout
				}
			}
			return places
		},
		hooks: hooks[*v1alpha1.Agent]{
			goDurations: true,
			defaults:    func(_ context.Context, _ rules.Env, o *v1alpha1.Agent, _ bool) { rules.DefaultAgent(o) },
			check:       rules.CheckAgent,
			warn:        rules.WarnAgent,
			skippable:   true,
		},
	})
}
