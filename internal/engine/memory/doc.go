// Package memory is a client of servers that keep conversations. It uses the HTTP API of Ark's own
// memory server: conversations and their messages.
//
// The package may import internal/engine/outbound and internal/engine/provider.
package memory
