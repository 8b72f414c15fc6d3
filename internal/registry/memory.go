package registry

import (
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func memory() Kind {
	return define(definition[v1alpha1.Memory, v1alpha1.MemoryList, v1alpha1.MemorySpec, *v1alpha1.MemoryStatus]{
		version: v1alpha1.SchemeGroupVersion,
		name:    "Memory", plural: "memories", singular: "memory",
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
		},
	})
}
