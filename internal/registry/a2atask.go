package registry

import (
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineA2ATask() Kind {
	return define(definition[v1alpha1.A2ATask, v1alpha1.A2ATaskSpec, *v1alpha1.A2ATaskStatus]{
		spec:   func(o *v1alpha1.A2ATask) *v1alpha1.A2ATaskSpec { return &o.Spec },
		status: func(o *v1alpha1.A2ATask) **v1alpha1.A2ATaskStatus { return &o.Status },
		columns: []column[v1alpha1.A2ATask]{
			{name: "Query", kind: "string", path: ".spec.queryRef.name", cell: func(o *v1alpha1.A2ATask) any {
				return optional(o.Spec.QueryRef, func(r *v1alpha1.ResourceReference) any { return word(r.Name) })
			}},
			{name: "Agent", kind: "string", path: ".spec.agentRef.name", cell: func(o *v1alpha1.A2ATask) any {
				return optional(o.Spec.AgentRef, func(r *v1alpha1.A2ATaskAgentReference) any { return text(r.Name) })
			}},
			{name: "Phase", kind: "string", path: ".status.phase", cell: func(o *v1alpha1.A2ATask) any {
				return optional(o.Status, func(s *v1alpha1.A2ATaskStatus) any { return text(s.Phase) })
			}},
			age[v1alpha1.A2ATask](),
			{name: "Server", kind: "string", path: ".spec.a2aServerRef.name", wide: true, cell: func(o *v1alpha1.A2ATask) any {
				return optional(o.Spec.A2AServerRef, func(x *v1alpha1.A2AServerReference) any { return text(x.Name) })
			}},
			{name: "Task", kind: "string", path: ".spec.taskId", wide: true, cell: func(o *v1alpha1.A2ATask) any {
				return word(o.Spec.TaskID)
			}},
		},
		fields: []selectable[v1alpha1.A2ATask]{
			{path: "status.phase", value: func(o *v1alpha1.A2ATask) string {
				return selected(o.Status, func(s *v1alpha1.A2ATaskStatus) any { return text(s.Phase) })
			}},
			{path: "spec.queryRef.name", value: func(o *v1alpha1.A2ATask) string {
				return selected(o.Spec.QueryRef, func(r *v1alpha1.ResourceReference) any { return word(r.Name) })
			}},
			{path: "spec.agentRef.name", value: func(o *v1alpha1.A2ATask) string {
				return selected(o.Spec.AgentRef, func(r *v1alpha1.A2ATaskAgentReference) any { return text(r.Name) })
			}},
		},
		durations: func(o *v1alpha1.A2ATask) []place { return []place{&o.Spec.Timeout, &o.Spec.TTL, &o.Spec.PollInterval} },
	})
}
