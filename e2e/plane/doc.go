// Package plane tests what a standalone ark-server guarantees as a control plane beyond Ark's
// kinds: admission by policies and webhooks, the requests of Ark's tools, and the cases of
// Kubernetes' own end-to-end tests that need no pods. docs/upstream-cases.md is generated from the
// table of these cases, and a test compares it.
//
//	go test ./plane
package plane
