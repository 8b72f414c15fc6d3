// Package memory is a client of the servers that keep conversations, by the HTTP API of Ark's own:
// conversations and their messages.
//
// The package may import internal/engine/outbound and internal/engine/provider.
package memory
