// Package chat serves OpenAI's HTTP API: a request for a completion becomes a Query, and the
// Query's answer becomes the completion.
//
//   - server.go: Options, paths, who calls
//   - request.go, message.go, target.go: what is asked, of whom
//   - completion.go, completion_make.go, query.go: the Query from its creation to its end
//   - completion_send.go, completion_format.go: the answer as a chat completion
//   - responses.go and responses_*.go: the Responses API, whose answers are another format of the
//     same
//   - answer.go, chunk.go: chunks of an engine become those of OpenAI
//   - limits.go: the limits of keys
//   - subresource.go, log.go: the same below objects of Ark, for clients that reach only the
//     cluster's API
//   - mcp.go, mcp_tools.go, mcp_ask.go: agents and teams as tools of the Model Context Protocol
//   - models.go: what there is to ask
//   - outer.go: what goes around the whole server: CORS, and errors of the API in OpenAI's form
//   - metrics.go: what is counted
//   - rights.go: what the server's own user may do
//
// Invariants:
//
//   - Queries are made through the API as the caller: rights, admission and audit hold for them.
//     Who may make Queries in the namespace and get the target may ask it, and by a target's proxy
//     who may create that.
//   - What a client asks for is carried out or refused, never dropped.
//   - A stream ends with a finish reason and [DONE], or with an error; a client is never left
//     without either.
//   - The end of the Query decides: text that was streamed is completed from it, and its error is
//     the client's.
//   - Once the Query is there, the client is told not to send the request again.
//
// The package may import internal/access, internal/apis/ark/install, internal/apis/ark/v1alpha1,
// internal/apiserver/parts, internal/engine/ask, internal/engine/objects, internal/inprocess,
// internal/keylimit, internal/sse, internal/stream, internal/token, internal/version,
// github.com/modelcontextprotocol/go-sdk, k8s.io/api, k8s.io/apimachinery and k8s.io/apiserver.
package chat
