// Package token splits texts into the words that search indexes and looks for.
//
// Invariants: what is looked for is made of the same words as what is indexed; a word is letters
// and digits only.
//
// The package may import the standard library only.
package token
