// Package server assembles the process of ark-server: it listens, opens the storage, builds the
// server of one mode on it, adds the diagnostic endpoints, and runs and stops all of it. It also
// opens and administers databases for the commands that do not serve (Admin, OpenClient), and tunes
// the Go runtime.
//
// It has no flags and prints nothing. If a setting causes an error, the error is an Error with that
// setting; the caller adds the name of the flag and the remedy.
//
// Invariants: if a start fails, everything that it has opened is closed; the storage is closed
// after the server on it has ended; the endpoint of the etcd protocol ends with the storage.
//
// The package may import internal/a2a, internal/access, internal/aggregated,
// internal/apis/ark/install, internal/apis/ark/rules, internal/apis/ark/v1alpha1,
// internal/apis/records, internal/apis/records/v1alpha1, internal/apiserver/assembly,
// internal/apiserver/filters, internal/apiserver/findings, internal/apiserver/hooks,
// internal/apiserver/layout, internal/apiserver/parts, internal/apiserver/storage, internal/chat,
// internal/connections, internal/console, internal/conversation, internal/database,
// internal/encryption, internal/engine, internal/engine/ask, internal/engine/execution,
// internal/engine/objects, internal/engine/outbound, internal/engine/provider,
// internal/engine/relay, internal/etcdserver, internal/etcdserver/direct, internal/heap,
// internal/history, internal/inprocess, internal/keylimit, internal/metrics, internal/mvcc,
// internal/mvcc/mark, internal/mvcc/mysql, internal/mvcc/postgres, internal/mvcc/servermark,
// internal/mvcc/sqlite, internal/operation, internal/peer, internal/pgwire, internal/readmodel,
// internal/records, internal/reporting, internal/sharedkeys, internal/sqlquery, internal/sqlviews,
// internal/standalone, internal/stream, internal/token, internal/tracing, internal/version,
// github.com/emicklei/go-restful/v3, go.etcd.io/etcd/client/v3, go.opentelemetry.io/otel/trace,
// golang.org/x/sync, k8s.io/api, k8s.io/apimachinery, k8s.io/apiserver, k8s.io/client-go and
// k8s.io/component-base.
package server
