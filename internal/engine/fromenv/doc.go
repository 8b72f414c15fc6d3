// Package fromenv finds a model in the environment of a process: what other tools are told of a
// provider.
//
// Invariants: nothing is asked but an Ollama server, for the names of its models. A key is in the
// Secret that is made of it, and in nothing else that the package returns.
//
// The package may import internal/apis/ark/v1alpha1, k8s.io/api and k8s.io/apimachinery.
package fromenv
