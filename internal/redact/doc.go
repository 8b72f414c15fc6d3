// Package redact hides the secrets that Ark objects may hold as plain values: API keys of models
// and headers that are sent. It has the one table of them, for whatever shows objects to users who
// may not get these.
//
// Invariants: what refers to a secret stays; what holds one, or a copy of the spec as text, does
// not. The object that is passed in is changed in place.
//
// The package may import the standard library only.
package redact
