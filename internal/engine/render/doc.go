// Package render executes the templates of prompts, inputs and bodies: the language of Go's
// text/template over values that are data, never templates.
//
// The texts are parsed by text/template/parse and executed here. text/template itself calls methods
// by names that are only known when a template runs, so the linker keeps every exported method of
// every type in a program that imports it: a fifth of this server. Data that come from JSON have no
// methods, so nothing is lost. TestEqual and FuzzText check that the two are equal.
//
// Invariants: an execution ends. Its steps, its depth, its output and the texts that its functions
// return are bounded, and exceeding a bound is an error that names it. The data are not changed.
//
// The package may import the standard library only.
package render
