// Package render executes the templates of prompts, inputs and bodies: Go's text/template with its own
// functions over values that are data, never templates.
//
// Invariants: an execution ends. Its steps, its output and the texts that its functions return are bounded,
// each bound with an error that says so.
//
// The package may import the standard library only.
package render
