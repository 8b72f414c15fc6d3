// Package plugin runs kubectl-ark as its users do: the real kubectl finds it on PATH, and it talks
// to the real server, with a scripted model. What it prints is kept as a transcript.
package plugin
