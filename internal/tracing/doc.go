// Package tracing makes OpenTelemetry spans of what the storage does for a traced
// request:
//
//	etcdserver Txn                  the endpoint's method, below the API server's spans
//	  store commit                  the batch that the write was part of
//	    INSERT ark_log, ...; COMMIT the statements
//
// A batch serves many writers. Its span is below that of one of them; the others have
// links to it and it to them. Spans say how many and how long, and never hold keys or
// values of objects, nor texts of errors, which may quote them.
//
// Executions makes those of what executes Queries, by the semantic conventions for generative AI:
//
//	invoke_agent NAME               a Query, below the request that its annotation names
//	  chat MODEL                    a call of a model
//
// The package may import internal/mvcc and go.opentelemetry.io/otel.
package tracing
