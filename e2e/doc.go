// Package e2e is the root of the end-to-end module: tests and benchmarks that run the real server
// binary beside the real components of Kubernetes. It is a module of its own so that those heavy
// dependencies stay out of the server's go.mod. README.md says what each part is and how to run it.
package e2e
