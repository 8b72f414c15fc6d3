// Package gitops holds a test that syncs every kind with the engines of Argo CD and Flux. It is a
// module of its own: the engines need hundreds of packages that nothing else does.
package gitops
