// Package conversation stores conversations, requests and events that belong to Queries but are not
// part of them, in side tables of the database.
//
//   - requests.go: what clients of OpenAI's API have sent and a Query cannot hold, for the engine
//     in the process
//   - responses.go: what the Responses API needs of a response beside its Query
//   - messages.go, http.go, http_lists.go: conversations and their messages, by Ark's HTTP API of
//     memories
//   - events.go, sessions.go, events_http.go: events of engines, and the sessions that follow from
//     them, by Ark's HTTP API
//   - feed.go: what is new, for those who watch at any replica
//   - erase.go: what a purge of a Query removes
//
// Invariants: messages are in the order in which they were added; what belongs to a Query is
// deleted by the Query's name; a conversation has MaxMessages at most, and a Query MaxEvents.
// Everything that a watch sends has been stored.
//
// The package may import internal/mvcc, internal/sse and internal/stream.
package conversation
