// Package stream is the broker of chunks: the output of an engine for a running Query, for any
// number of readers.
//
//   - broker.go: the streams, their bounds, and what removes them
//   - reader.go, writer.go: the two ends of a stream
//   - replicas.go, following.go: streams that are at other replicas
//   - http.go, http_read.go, http_write.go: Ark's HTTP API of brokers
//   - full.go: chunks with every field, for that API's readers
//
// Chunks are in memory only: the answer itself is in the Query. A stream is named by the Query's
// namespace and name, and belongs to one UID: a Query that is recreated under the same name does
// not continue the earlier stream.
//
// Invariants:
//
//   - A reader gets every chunk in order from where it began, or an error that says why not: never
//     a gap, never silence.
//   - A writer waits for no reader. What a reader has not taken when a bound is reached is dropped,
//     oldest first, and that reader gets ErrOverrun.
//   - A reader gets the chunks of a stream that is written at another replica as if it were written
//     here; if that replica goes, an error. Chunks stay where they were written: what waits here is
//     followRoom at most for each reader.
//   - Limits.PerStream and Limits.Total hold at any time, whatever clients do.
//
// The package may import internal/sse.
package stream
