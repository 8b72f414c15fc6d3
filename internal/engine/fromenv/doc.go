// Package fromenv finds a model in a process's environment: in the variables with which other tools
// configure a provider.
//
// Invariants: the only request is to an Ollama server, for the names of its models. A key is only
// in the Secret that is made from it, and in nothing else that the package returns.
//
// The package may import internal/apis/ark/v1alpha1, k8s.io/api and k8s.io/apimachinery.
package fromenv
