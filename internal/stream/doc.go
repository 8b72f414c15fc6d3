// Package stream is the broker of chunks: the output of an engine for a running Query, for any
// number of readers.
//
//   - broker.go: the streams, their bounds, and their removal
//   - reader.go, writer.go: the two ends of a stream
//   - replicas.go, following.go: streams of other replicas
//   - http.go, http_read.go, http_write.go: Ark's HTTP API of brokers
//   - full.go: chunks with every field, for readers of that API
//
// Chunks are in memory only: the answer itself is in the Query. A stream is named by the Query's
// namespace and name, and belongs to one UID: a Query that is recreated under the same name does
// not continue the earlier stream.
//
// Invariants:
//
//   - A reader gets every chunk in order from its start position, or an error with the reason why
//     not: there are no silent gaps.
//   - A writer waits for no reader. When a bound is reached, the oldest chunks are dropped, and a
//     reader that has not read them gets ErrOverrun.
//   - A reader gets the chunks of a stream that is written at another replica as if it were written
//     here; if that replica disappears, it gets an error. Chunks stay where they were written: at
//     most followRoom bytes are buffered here for each reader.
//   - Limits.PerStream and Limits.Total hold at any time, whatever clients do.
//
// The package may import internal/sse.
package stream
