// Package sse writes server-sent events to a client that may be slow or gone.
//
// Invariants: each event is flushed; a write that does not complete within WriteTimeout fails, so
// that a stalled client delays only its own request; there are no id and retry lines, which break
// OpenAI's clients; only Event writes event lines, because the clients of chat completions do not
// accept them.
//
// The package may import the standard library only.
package sse
