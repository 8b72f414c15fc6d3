// Package chat serves OpenAI's HTTP API: a request for a completion becomes a Query, and the
// Query's answer becomes the completion.
//
//   - server.go: Options, paths, and the caller
//   - request.go, message.go, target.go: the request and its target
//   - completion.go, completion_make.go, query.go: the Query from its creation to its end
//   - completion_send.go, completion_format.go: the answer as a chat completion
//   - responses.go and responses_*.go: the Responses API, which is another format of the same
//     answers
//   - answer.go, chunk.go: conversion of an engine's chunks to OpenAI's
//   - limits.go: the limits of keys
//   - subresource.go, log.go: the same as subresources of Ark's objects, for clients that reach
//     only the cluster's API
//   - mcp.go, mcp_tools.go, mcp_ask.go: agents and teams as tools of the Model Context Protocol
//   - models.go: the list of targets
//   - outer.go: the wrapper of the whole server: CORS, and errors of the API in OpenAI's form
//   - metrics.go: metrics
//   - rights.go: the permissions of the server's own user
//
// Invariants:
//
//   - Queries are created through the API with the caller's identity, so authorization, admission
//     and audit apply. A caller may query a target if it may create Queries in the namespace and
//     get the target, or through a target's proxy if it may create that.
//   - A parameter of a client is applied or refused, never silently dropped.
//   - A stream ends with a finish reason and [DONE], or with an error; it never ends without
//     either.
//   - The final state of the Query is authoritative: text that was streamed is completed from it,
//     and its error is passed to the client.
//   - Once the Query exists, the response has a header that asks the client not to retry the
//     request.
//
// The package may import internal/access, internal/apis/ark/install, internal/apis/ark/v1alpha1,
// internal/apiserver/parts, internal/engine/ask, internal/engine/objects, internal/inprocess,
// internal/keylimit, internal/sse, internal/stream, internal/token, internal/version,
// github.com/modelcontextprotocol/go-sdk, k8s.io/api, k8s.io/apimachinery and k8s.io/apiserver.
package chat
