// Package findings counts what a server finds in its objects and in itself that an operator
// should know of, and logs each thing once: unknown fields, stored objects that cannot be decoded,
// handlers that panicked. It also counts the requests that were turned away for want of memory.
// Metrics are made of it.
//
// Invariants: clients choose the names of fields, so what is kept is bounded; a log line names
// fields and keys, never values.
//
// The package may import internal/apis/ark/install, internal/objectjson,
// k8s.io/apimachinery and k8s.io/klog/v2.
package findings
