// Command relief measures what ark-server takes off a cluster: it drives the life cycles of queries
// through a real control plane in three ways, with the Ark kinds as CRDs, with ark-server behind
// kube-apiserver's aggregator, and at ark-server's direct endpoint. It prints life cycles per
// second, the latency of a write, the processor time that kube-apiserver, etcd and ark-server take
// for a life cycle, and what was written to the cluster's etcd, by resource.
//
// The ways take turns in every round; medians are printed. The aggregated and the direct way are
// two ways to one ark-server. What an idle cluster does is in the figures too: kube-apiserver
// renews a lease every ten seconds, and asks itself.
package main
