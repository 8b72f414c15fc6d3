// Package reconcile keeps the statuses of Models, MCPServers, A2AServers, Agents, Teams, Tools,
// Memories and ExecutionEngines, and the Tools of MCPServers and the Agents of A2AServers.
//
//   - reconcile.go: the kinds that are watched, and the objects that a change affects
//   - statuses.go: Models, Agents and Tools
//   - mcpserver.go: MCPServers and the Tools that they offer
//   - a2aserver.go: A2AServers and the Agent that each offers
//   - team.go: Teams
//   - addresses.go: Memories and ExecutionEngines
//
// Invariants: an object is written only when it changes. A model or a server is called once per
// pollInterval, and when its spec has changed; nothing else is called: the objects that agents and
// teams depend on are watched.
//
// The package may import internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1,
// internal/engine/a2a, internal/engine/mcp, internal/engine/objects, k8s.io/apimachinery,
// k8s.io/client-go and k8s.io/klog/v2.
package reconcile
