// Package hooks names the places where the server departs from the stock k8s.io/apiserver, so that
// each can be switched off (--without-hooks, a hidden flag). docs/upstream.md lists them with the
// upstream symbol, the reason, the test and what to do when Kubernetes moves on.
//
// Invariant: without any of them the server keeps what clients may rely on, but for what
// docs/upstream.md names; it is slower, and tells less.
//
// The package may import the standard library only.
package hooks
