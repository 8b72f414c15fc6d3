// Package a2a offers every Agent to clients of the A2A protocol, versions 0.3 and 1.0: a message
// becomes a Query, and the Query is the protocol's task.
//
//   - server.go: Options, paths, versions
//   - caller.go: who asks, and with which key
//   - card.go: how an agent describes itself
//   - handler.go: the methods of the protocol
//   - question.go: a message becomes a Query
//   - decide.go: a message decides what a Query waits for
//   - task.go: a Query as a task
//   - follow.go: a task as a stream of events
//   - list.go: the tasks of an agent
//
// Invariants:
//
//   - Queries are made through the API as the caller: rights, admission and audit hold for them.
//     Who may make Queries in the namespace and get the agent may ask it; a task is for who has
//     made it and for who may get its Query.
//   - Nothing but Queries is kept: a task outlives the process, and any replica answers for it.
//   - A client that goes leaves its task running. It is stopped by tasks/cancel.
//   - A decision about a call of a tool is written as the caller, who needs the right to patch
//     A2ATasks.
//   - What a message holds is carried out or refused, never dropped.
//
// The package may import internal/apis/ark/install, internal/apis/ark/v1alpha1,
// internal/engine/ask, internal/engine/objects, internal/inprocess, internal/keylimit,
// internal/sse, internal/stream, internal/token, github.com/a2aproject/a2a-go/v2,
// k8s.io/apimachinery, k8s.io/apiserver and k8s.io/client-go.
package a2a
