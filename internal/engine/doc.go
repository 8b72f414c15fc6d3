// Package engine executes Queries: it takes those that have not ended, runs each once, and writes
// how it ends.
//
//   - engine.go: Options, and what runs
//   - follow.go: the list and the watch of Queries
//   - queue.go: the order of Queries: limits, and fairness between namespaces
//   - run.go, claim.go: one execution from the claim to the end
//   - status.go, write.go: writing the status
//   - expire.go, remove.go: deletion of Queries by their TTL, and finalizers
//   - conversation.go: earlier messages, and storing new ones
//   - asked.go: data that a client sent in addition to its Query
//   - pause.go, approvals.go: Queries that wait for a person's approval
//   - replicas.go: engines that share a database
//   - sink.go: streaming of the models' output
//   - gate.go: the limit of concurrent calls of a model
//   - events.go: Events about operations
//   - rights.go: the permissions of the engine's user
//
// Invariants:
//
//   - Objects are accessed only through the API, as the engine's own user or as the Query's service
//     account.
//   - A Query is claimed by a write with its resourceVersion, and every later write has one too. If
//     a write conflicts with another client's status, the engine stops the run and leaves the Query
//     to that client.
//   - A Query that was accepted ends with an answer or a reason, restarts included. A Query that a
//     process has left running runs again, unless it had begun a tool call that must not be
//     repeated.
//   - Run returns when all goroutines that it has started have ended.
//
// The package may import internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1,
// internal/engine/execution, internal/engine/memory, internal/engine/objects,
// internal/engine/provider, internal/engine/reconcile, k8s.io/api, k8s.io/apimachinery,
// k8s.io/client-go and k8s.io/klog/v2.
package engine
