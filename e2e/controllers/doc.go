// Package controllers runs controllers on a standalone server, the real binary.
//
//   - A stand-in for Ark's controllers on controller-runtime, which has nothing but a kubeconfig
//     with a service account's token, writes each Query as those do: a finalizer, the status three
//     times, events; what it owns and watches are objects of Ark's and of core kinds. Two of them
//     compete by a lease, and the one that holds it is killed half way.
//   - The server's own: namespaces full of objects, and cascades of deletions, are completed though
//     the server is killed in the middle.
//
// A run has 500 queries; -queries asks for more:
//
//	go test ./controllers -queries=10000 -heavy -timeout=60m -v
package controllers
