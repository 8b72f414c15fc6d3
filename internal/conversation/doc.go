// Package conversation keeps what was said beside Queries, in side tables of the database.
//
//   - requests.go: what clients of OpenAI's API have sent and a Query cannot hold, for the engine in the process
//
// The package may import internal/mvcc.
package conversation
