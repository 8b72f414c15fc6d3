// Package component runs real programs for the end-to-end tests and benchmarks: ark-server, and the
// peers and clients it is judged with (etcd, kine, kube-apiserver, kubectl).
//
// Every component is a child process held by a handle and stopped by that handle; none is looked up
// by name or port. All listen on loopback ports chosen at run time and keep their files in a folder
// the caller gives. Nothing here knows the testing package: failures are errors, so programs and
// tests use the same code.
package component
