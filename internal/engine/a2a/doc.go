// Package a2a calls remote agents by the Agent2Agent protocol, versions 0.3 and 1.0, with the
// protocol's own Go library.
//
//   - agent.go: the address of an agent, and its card
//   - ask.go: a question, and the answer as a message, as a task or as a stream
//   - stream.go: agents without streams
//
// Invariants: everything ends with its context; a question is repeated only if the agent refused
// the method, in which case nothing has run; headers go to the agent's own host only; answers are
// bounded; errors hold neither URLs nor headers.
//
// The package may import internal/engine/outbound and github.com/a2aproject/a2a-go/v2.
package a2a
