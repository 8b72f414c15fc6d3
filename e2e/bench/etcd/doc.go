// Command etcd compares stores with the etcd protocol: real etcd, kine on SQLite, and ark-server's
// endpoint over a socket and through the client in the same process.
//
// Every system receives the requests that the apiserver sends (clientv3/kubernetes: OptimisticPut,
// Get, List; watches with prev_kv), and syncs every write to disk before it acknowledges it. The
// systems alternate in every case of every round; the output has the medians over the rounds. etcd,
// kine and the socket variant of ark-server run in separate processes; the in-process variant
// shares the process of this program, as it does in ark-server. So does ark-postgres, on a separate
// PostgreSQL server with that server's defaults; it runs only if --systems names it.
package main
