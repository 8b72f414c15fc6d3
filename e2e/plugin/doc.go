// Package plugin runs kubectl-ark as its users do: the real kubectl finds it on PATH, and it
// connects to the real server, with a scripted model. Its output is stored as a transcript.
package plugin
