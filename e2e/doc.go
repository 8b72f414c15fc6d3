// Package e2e is the root of the end-to-end module: tests and benchmarks that run the real server
// binary with the real components of Kubernetes. It is a separate module, so that these heavy
// dependencies stay out of the server's go.mod. README.md describes each part and how to run it.
package e2e
