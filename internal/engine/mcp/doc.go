// Package mcp calls tools of Model Context Protocol servers with the protocol's official SDK.
//
//   - session.go: a session with a server: connecting, listing tools, calling one
//   - result.go: what a call returns
//
// Invariants: everything ends with its context; headers go to the server's own host only, whatever
// redirects and endpoints it names; answers and lists are bounded; errors hold neither URLs nor
// headers.
//
// The package may import internal/engine/outbound and github.com/modelcontextprotocol/go-sdk.
package mcp
