// Package token keeps the tokens of users: who holds which, until when. A token is made of 32
// random bytes, of which only the SHA-256 is stored, in a side table of the database, so that all
// replicas know it and no copy of the database lets anybody in.
//
// Invariants: the text of a token leaves the process once, to whoever asked for it, and is in no
// error; a token that was revoked is refused by the replica that revoked it from then on, and by
// others within cacheTTL; a token that has expired is refused at once.
//
// The package may import internal/mvcc, k8s.io/apimachinery and k8s.io/apiserver.
package token
