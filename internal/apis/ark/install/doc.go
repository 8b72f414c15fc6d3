// Package install lists the Ark kinds and registers them in a scheme, which is all that a
// program needs to encode, decode and name Ark objects.
//
// Invariants: each kind is in one list (Kinds), which its version registers, and has one
// version; a type is its own internal version, and a scheme for publication (External)
// does not have that version.
//
// The package may import internal/apis/ark/registration, internal/apis/ark/v1alpha1,
// internal/apis/ark/v1prealpha1 and k8s.io/apimachinery.
package install
