// Package h2client sends prepared requests over HTTP/2 (RFC 9113) and TLS at a fraction of the cost
// of a general client, so that a benchmark measures the servers that share the machine with it.
// Requests of all goroutines that use a connection are combined into as few writes as possible, and
// one goroutine reads the answers. The package supports what kube-apiserver and ark-server need: no
// redirects, no trailers, no compression, no retries. A broken connection stays broken.
package h2client
