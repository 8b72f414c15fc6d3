// Package engine executes Queries: it takes those that have not ended, runs each once, and writes
// how it ends.
//
//   - engine.go: Options, and what runs
//   - follow.go: the list and the watch of Queries
//   - queue.go: who is next: limits, and fairness between namespaces
//   - run.go, claim.go: one execution from the claim to the end
//   - status.go, write.go: what is written of it
//   - expire.go, remove.go: the end of Queries by their TTL, and of those that are deleted
//   - conversation.go: what was said before, and what is kept of it
//   - asked.go: what a client has sent beside its Query
//   - pause.go, approvals.go: Queries that wait for the approval of a person
//   - replicas.go: engines that share a database
//   - sink.go: what models say, for whoever reads along
//   - gate.go: how many calls a model gets at a time
//   - events.go: Events of the operations
//   - rights.go: what the engine's user may do
//
// Invariants:
//
//   - Objects are reached through the API alone, as the engine's own user or as the Query's service
//     account.
//   - A Query is claimed by a write with its resourceVersion, and so is every write after that.
//     Whoever loses such a write to somebody else's status stops, and leaves the Query to them.
//   - A Query that was accepted ends with an answer or a reason, restarts included. One that a
//     process has left behind runs again, unless it had begun a tool call that must not be
//     repeated.
//   - Run returns when everything that it has started has ended.
//
// The package may import internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1,
// internal/engine/execution, internal/engine/memory, internal/engine/objects,
// internal/engine/provider, internal/engine/reconcile, k8s.io/api, k8s.io/apimachinery,
// k8s.io/client-go and k8s.io/klog/v2.
package engine
