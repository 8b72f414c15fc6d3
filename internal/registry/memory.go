package registry

import (
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineMemory() Kind {
	return define(definition[v1alpha1.Memory, v1alpha1.MemorySpec, *v1alpha1.MemoryStatus]{
		spec:   func(o *v1alpha1.Memory) *v1alpha1.MemorySpec { return &o.Spec },
		status: func(o *v1alpha1.Memory) **v1alpha1.MemoryStatus { return &o.Status },
		columns: []column[v1alpha1.Memory]{
			{name: "Phase", kind: "string", path: ".status.phase", cell: func(o *v1alpha1.Memory) any {
				return optional(o.Status, func(s *v1alpha1.MemoryStatus) any { return text(s.Phase) })
			}},
			{name: "Address", kind: "string", path: ".status.lastResolvedAddress", cell: func(o *v1alpha1.Memory) any {
				return optional(o.Status, func(s *v1alpha1.MemoryStatus) any { return text(s.LastResolvedAddress) })
			}},
			age[v1alpha1.Memory](),
			{name: "Message", kind: "string", path: ".status.message", wide: true, cell: func(o *v1alpha1.Memory) any {
				return optional(o.Status, func(x *v1alpha1.MemoryStatus) any { return text(x.Message) })
			}},
		},
		fields: []selectable[v1alpha1.Memory]{
			{path: "status.phase", value: func(o *v1alpha1.Memory) string {
				return selected(o.Status, func(s *v1alpha1.MemoryStatus) any { return text(s.Phase) })
			}},
		},
	})
}
