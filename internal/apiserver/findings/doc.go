// Package findings counts what a server finds in its objects and in itself that an operator
// should know of, and logs each thing once: unknown fields, stored objects that cannot be decoded,
// handlers that panicked. Metrics are made of it.
//
// Invariants: clients choose the names of fields, so what is kept is bounded; a log line names
// fields and keys, never values.
//
// The package may import internal/objectjson, internal/apis/ark and k8s.io/apimachinery.
package findings
