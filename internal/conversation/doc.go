// Package conversation stores conversations, requests and events that belong to Queries but are not
// part of them, in side tables of the database.
//
//   - requests.go: the parts of OpenAI API requests that a Query cannot contain, for the engine in
//     this process
//   - responses.go: the data of a response that its Query does not contain
//   - messages.go, http.go, http_lists.go: conversations and their messages, by Ark's HTTP API of
//     memories
//   - events.go, sessions.go, events_http.go: events of engines, and the sessions that are derived
//     from them, by Ark's HTTP API
//   - feed.go: notification of watchers at all replicas
//   - erase.go: deletion of the rows that belong to a Query
//
// Invariants: messages are in the order in which they were added; rows that belong to a Query are
// deleted by the Query's name; a conversation has MaxMessages at most, and a Query MaxEvents.
// Everything that a watch sends has been stored.
//
// The package may import internal/mvcc, internal/sse and internal/stream.
package conversation
