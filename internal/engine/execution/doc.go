// Package execution executes one query: it finds the target, builds its parts, and runs it until it
// has answered.
//
//   - run.go: a Run and its target
//   - input.go: the question, parameters and prompts
//   - model.go, endpoint.go, overrides.go: calls of models
//   - agent.go: an agent's loop of model calls and tool calls
//   - approval.go, journal.go: calls that a person has to approve, and continuing a run after that
//   - remote.go: remote agents, by the A2A protocol
//   - schema.go: validation of answers against a schema
//   - tool.go, partial.go, function.go, http.go, mcp.go, builtin.go: tools
//   - team.go, loop.go, selector.go, graph.go: how the members of a team take turns
//   - messages.go: the messages of a conversation, and those that a model receives
//
// Invariants: everything that runs ends with its context; output of a model, a tool or an agent is
// never executed as a template; depth, sizes and numbers of calls are bounded, and exceeding a
// bound is an error that names it. The package writes no object.
//
// The package may import internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1,
// internal/engine/a2a, internal/engine/mcp, internal/engine/objects, internal/engine/outbound,
// internal/engine/provider, internal/engine/render, github.com/google/jsonschema-go,
// github.com/itchyny/gojq and k8s.io/apimachinery.
package execution
