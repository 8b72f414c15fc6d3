// Package plane holds a standalone ark-server to what a control plane promises beyond Ark's kinds:
// admission by policies and webhooks, what Ark's tools ask for, and the cases of Kubernetes' own
// end-to-end tests that need no pods. docs/upstream-cases.md is written from the table of these
// cases, and a test compares it.
//
//	go test ./plane
package plane
