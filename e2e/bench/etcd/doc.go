// Command etcd compares stores that speak etcd's protocol: real etcd, kine on SQLite, and
// ark-server's endpoint over a socket and through the client in the same process.
//
// Every system gets the requests that the apiserver sends (clientv3/kubernetes: OptimisticPut, Get,
// List; watches with prev_kv), syncs every write to disk before it acknowledges it, and takes its
// turn in every case of every round; what is printed are medians over the rounds. etcd, kine and
// the socket variant of ark-server run as processes of their own; the in-process variant shares
// this program's, as it does in ark-server. So does ark-postgres, on a PostgreSQL server of its own
// with that server's defaults; it takes part only where --systems names it.
package main
