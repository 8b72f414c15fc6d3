package registry

import (
	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

func defineExecutionEngine() Kind {
	return define(definition[v1prealpha1.ExecutionEngine, v1prealpha1.ExecutionEngineSpec, *v1prealpha1.ExecutionEngineStatus]{
		spec:   func(o *v1prealpha1.ExecutionEngine) *v1prealpha1.ExecutionEngineSpec { return &o.Spec },
		status: func(o *v1prealpha1.ExecutionEngine) **v1prealpha1.ExecutionEngineStatus { return &o.Status },
		columns: []column[v1prealpha1.ExecutionEngine]{
			{name: "Phase", kind: "string", path: ".status.phase", cell: func(o *v1prealpha1.ExecutionEngine) any {
				return optional(o.Status, func(s *v1prealpha1.ExecutionEngineStatus) any { return text(s.Phase) })
			}},
			{name: "Address", kind: "string", path: ".status.lastResolvedAddress", cell: func(o *v1prealpha1.ExecutionEngine) any {
				return optional(o.Status, func(s *v1prealpha1.ExecutionEngineStatus) any { return text(s.LastResolvedAddress) })
			}},
			age[v1prealpha1.ExecutionEngine](),
			{name: "Message", kind: "string", path: ".status.message", wide: true, cell: func(o *v1prealpha1.ExecutionEngine) any {
				return optional(o.Status, func(x *v1prealpha1.ExecutionEngineStatus) any { return text(x.Message) })
			}},
			{name: "Description", kind: "string", path: ".spec.description", wide: true, cell: func(o *v1prealpha1.ExecutionEngine) any {
				return text(o.Spec.Description)
			}},
		},
		fields: []selectable[v1prealpha1.ExecutionEngine]{
			{path: "status.phase", value: func(o *v1prealpha1.ExecutionEngine) string {
				return selected(o.Status, func(s *v1prealpha1.ExecutionEngineStatus) any { return text(s.Phase) })
			}},
		},
		hooks: hooks[*v1prealpha1.ExecutionEngine]{
			check: rules.CheckExecutionEngine,
		},
	})
}
