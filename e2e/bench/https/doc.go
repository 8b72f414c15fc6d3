// Command https measures the whole server from the clients' side: the life cycle of a Query and
// large lists, over TLS and HTTP/2. It measures ark-server and, if its binaries are available, a
// real kube-apiserver with the Ark kinds as CRDs and an etcd that syncs every write. The systems
// alternate in every case of every round. The output has medians, with the processor time per
// request of each server and of the client.
package main
