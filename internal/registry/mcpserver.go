package registry

import (
	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineMCPServer() Kind {
	return define(definition[v1alpha1.MCPServer, v1alpha1.MCPServerSpec, *v1alpha1.MCPServerStatus]{
		spec:   func(o *v1alpha1.MCPServer) *v1alpha1.MCPServerSpec { return &o.Spec },
		status: func(o *v1alpha1.MCPServer) **v1alpha1.MCPServerStatus { return &o.Status },
		columns: []column[v1alpha1.MCPServer]{
			{name: "Available", kind: "string", path: ".status.conditions[?(@.type=='Available')].status", cell: func(o *v1alpha1.MCPServer) any {
				return optional(o.Status, func(s *v1alpha1.MCPServerStatus) any { return condition(s.Conditions, "Available") })
			}},
			{name: "Discovering", kind: "string", path: ".status.conditions[?(@.type=='Discovering')].status", cell: func(o *v1alpha1.MCPServer) any {
				return optional(o.Status, func(s *v1alpha1.MCPServerStatus) any { return condition(s.Conditions, "Discovering") })
			}},
			{name: "Tools", kind: "integer", path: ".status.toolCount", cell: func(o *v1alpha1.MCPServer) any {
				return optional(o.Status, func(s *v1alpha1.MCPServerStatus) any { return optional(s.ToolCount, func(n *int64) any { return *n }) })
			}},
			{name: "Auth", kind: "string", path: ".status.authorization.state", cell: func(o *v1alpha1.MCPServer) any {
				return optional(o.Status, func(s *v1alpha1.MCPServerStatus) any {
					return optional(s.Authorization, func(a *v1alpha1.MCPServerAuthorizationStatus) any { return text(a.State) })
				})
			}},
			age[v1alpha1.MCPServer](),
			{name: "Transport", kind: "string", path: ".spec.transport", wide: true, cell: func(o *v1alpha1.MCPServer) any {
				return text(o.Spec.Transport)
			}},
			{name: "Address", kind: "string", path: ".status.resolvedAddress", wide: true, cell: func(o *v1alpha1.MCPServer) any {
				return optional(o.Status, func(x *v1alpha1.MCPServerStatus) any { return text(x.ResolvedAddress) })
			}},
		},
		fields: []selectable[v1alpha1.MCPServer]{
			{path: "status.conditions.Available", value: func(o *v1alpha1.MCPServer) string {
				return selected(o.Status, func(s *v1alpha1.MCPServerStatus) any { return condition(s.Conditions, "Available") })
			}},
			{path: "status.conditions.Discovering", value: func(o *v1alpha1.MCPServer) string {
				return selected(o.Status, func(s *v1alpha1.MCPServerStatus) any { return condition(s.Conditions, "Discovering") })
			}},
		},
		durations: func(o *v1alpha1.MCPServer) []place { return []place{&o.Spec.PollInterval} },
		hooks: hooks[*v1alpha1.MCPServer]{
			check: rules.CheckMCPServer,
		},
	})
}
