// Package gitops contains a test that syncs every kind with the engines of Argo CD and Flux. It is
// a separate module: the engines need hundreds of packages that no other package needs.
package gitops
