// Package h2client sends prepared requests over HTTP/2 (RFC 9113) and TLS at a fraction of what a
// general client spends, so that a benchmark measures the servers it shares the machine with.
// Requests of all goroutines that use a connection go out in as few writes as they can share, and
// one goroutine reads the answers. It does what kube-apiserver and ark-server need: no redirects,
// no trailers, no compression of its own, no retries, and a connection that breaks stays broken.
package h2client
