// Package token splits texts into the words that search indexes and queries.
//
// Invariants: queries and indexed texts are split into the same words; a word consists only of
// letters and digits.
//
// The package may import the standard library only.
package token
