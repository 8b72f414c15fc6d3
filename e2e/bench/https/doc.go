// Command https measures the whole server as its clients see it: the life of a Query and lists of
// many, over TLS and HTTP/2, on ark-server and, when its binaries are at hand, on a real
// kube-apiserver with the Ark kinds as CRDs and an etcd that syncs every write. The systems take
// turns in every case of every round; medians are printed, with the processor time that each
// server, and the client beside it, spent per request.
package main
