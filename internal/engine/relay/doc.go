// Package relay sends the output of Queries to a broker on another server, over HTTP, in the form
// that Ark's engines use: one POST of lines of JSON for each Query, and one more when it is
// complete.
//
// Invariants:
//
//   - A run never waits for the network: chunks that the broker has not read are buffered up to a
//     bound; beyond it the stream is abandoned. The answer is still in the Query.
//   - A stream that was abandoned, or whose Query has not ended, is closed without being completed:
//     its readers get an error.
//
// The package may import internal/apis/ark/v1alpha1, internal/engine, internal/stream and
// k8s.io/klog/v2.
package relay
