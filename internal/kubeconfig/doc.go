// Package kubeconfig adds a server to a kubeconfig file as kind and minikube do: it
// writes one cluster, one user and one context, and leaves everything else in the file as it is,
// with its comments and the fields that it does not know.
//
//   - entry.go: what a server is called in a kubeconfig, and its YAML.
//   - edit.go: the change in the YAML tree.
//   - file.go: the file is replaced in one step, under the lock that kubectl takes.
//   - path.go: which file kubectl uses.
//
// Entries of the same name that belong to another server are never replaced.
//
// The package may import internal/privatefile and go.yaml.in/yaml/v3.
package kubeconfig
