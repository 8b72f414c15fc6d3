// Package component runs real programs for the end-to-end tests and benchmarks: ark-server, and the
// peers and clients that it is compared with (etcd, kine, kube-apiserver, kubectl).
//
// Every component is a child process with a handle, and only that handle stops it; no component is
// looked up by name or port. All listen on loopback ports chosen at run time and keep their files
// in a folder that the caller provides. The package does not use the testing package: failures are
// errors, so programs and tests use the same code.
package component
