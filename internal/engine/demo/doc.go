// Package demo runs Ark without a provider's key: a model that answers by a script and a tool, both
// on this machine, and the objects that use them.
//
// The package may import internal/engine/scripted.
package demo
