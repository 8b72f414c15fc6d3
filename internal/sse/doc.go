// Package sse writes server-sent events to a client that may be slow or gone.
//
// Invariants: each event is flushed; a write that the client does not take within WriteTimeout
// fails, so that a stalled client holds up nothing but its own request; there are no id and retry
// lines, which break OpenAI's clients, and event lines only by Event: the clients of chat
// completions do not accept those.
//
// The package may import the standard library only.
package sse
