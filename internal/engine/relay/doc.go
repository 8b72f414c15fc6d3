// Package relay sends the output of Queries to a broker on another server, over HTTP, in the form
// that Ark's engines use: one POST of lines of JSON for each Query, and one more when it is
// complete.
//
// Invariants:
//
//   - A run never waits for the network: what the broker has not taken yet is kept up to a bound,
//     and beyond it the stream is given up. The answer is in the Query all the same.
//   - A stream that was given up, or whose Query has not ended, is cut off and never completed: its
//     readers get an error.
//
// The package may import internal/apis/ark/v1alpha1, internal/engine, internal/stream and
// k8s.io/klog/v2.
package relay
