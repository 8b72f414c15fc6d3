// Package parts authorizes the parts of the server's process that work beside its API: an engine,
// chat.
//
//   - grants.go: what the users that are such parts may do, and what single requests of theirs may
//   - paths.go: the HTTP paths that such parts serve, each with its own rules
//
// Invariants: a grant and a path add rights and are asked first; everything else is decided by the
// authorizer around which they are put, in each of the ways in which an authorizer is asked.
//
// The package may import k8s.io/api and k8s.io/apiserver.
package parts
