package registry

import (
	"context"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

func defineA2AServer() Kind {
	return define(definition[v1prealpha1.A2AServer, v1prealpha1.A2AServerSpec, *v1prealpha1.A2AServerStatus]{
		spec:   func(o *v1prealpha1.A2AServer) *v1prealpha1.A2AServerSpec { return &o.Spec },
		status: func(o *v1prealpha1.A2AServer) **v1prealpha1.A2AServerStatus { return &o.Status },
		columns: []column[v1prealpha1.A2AServer]{
			{name: "Ready", kind: "string", path: ".status.conditions[?(@.type=='Ready')].status", cell: func(o *v1prealpha1.A2AServer) any {
				return optional(o.Status, func(s *v1prealpha1.A2AServerStatus) any { return condition(s.Conditions, "Ready") })
			}},
			{name: "Discovering", kind: "string", path: ".status.conditions[?(@.type=='Discovering')].status", cell: func(o *v1prealpha1.A2AServer) any {
				return optional(o.Status, func(s *v1prealpha1.A2AServerStatus) any { return condition(s.Conditions, "Discovering") })
			}},
			{name: "Address", kind: "string", path: ".status.lastResolvedAddress", cell: func(o *v1prealpha1.A2AServer) any {
				return optional(o.Status, func(s *v1prealpha1.A2AServerStatus) any { return text(s.LastResolvedAddress) })
			}},
			{name: "Endpoint", kind: "string", path: ".status.lastResolvedEndpoint", cell: func(o *v1prealpha1.A2AServer) any {
				return optional(o.Status, func(s *v1prealpha1.A2AServerStatus) any { return text(s.LastResolvedEndpoint) })
			}},
			age[v1prealpha1.A2AServer](),
			{name: "Description", kind: "string", path: ".spec.description", wide: true, cell: func(o *v1prealpha1.A2AServer) any {
				return text(o.Spec.Description)
			}},
		},
		fields: []selectable[v1prealpha1.A2AServer]{
			{path: "status.conditions.Ready", value: func(o *v1prealpha1.A2AServer) string {
				return selected(o.Status, func(s *v1prealpha1.A2AServerStatus) any { return condition(s.Conditions, "Ready") })
			}},
			{path: "status.conditions.Discovering", value: func(o *v1prealpha1.A2AServer) string {
				return selected(o.Status, func(s *v1prealpha1.A2AServerStatus) any { return condition(s.Conditions, "Discovering") })
			}},
		},
		durations: func(o *v1prealpha1.A2AServer) []place { return []place{&o.Spec.PollInterval} },
		hooks: hooks[*v1prealpha1.A2AServer]{
			check: rules.CheckA2AServer,
			warn:  func(_ context.Context, _ rules.Env, o *v1prealpha1.A2AServer) []string { return rules.WarnA2AServer(o) },
		},
	})
}
