// Package inprocess is a client of the server's own handler: an http.RoundTripper that calls it
// without a socket, TLS or a token. A request goes through the whole handler chain: authentication,
// audit, impersonation, limits, authorization, admission, metrics. client-go works on it, see
// Transport.Config.
//
// What is different from a client at the port is who the request is from: the identity is given
// when the client is made (Transport.As), travels in the context of the request that the handler
// gets, and is read by Transport.Authenticator, which stands in front of tokens and certificates.
//
// Invariants:
//
//   - Nothing that a client sends over a socket gives it an identity of this package: the context
//     key is this package's own, and holds for one Transport only.
//   - The handler's context has nothing of the caller's but its end. Otherwise a call made while
//     another request is served would take over that request's user, audit event and deadline.
//   - The protocol is HTTP/2's as far as a handler can see it, and HTTP/1.1's for an upgrade. What
//     an HTTP server does to answers is done here: a header is as it was at WriteHeader, an answer
//     that is not whole ends with an error.
//   - A handler that writes more than the caller reads waits.
//   - Each call is one goroutine, which ends with the handler; Transport.Close waits for all.
//
// The package may import k8s.io/apiserver, k8s.io/client-go and k8s.io/klog/v2.
package inprocess
