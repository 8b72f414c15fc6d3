// Command relief measures how much load ark-server removes from a cluster. It drives the life
// cycles of queries through a real control plane in three ways: with the Ark kinds as CRDs, with
// ark-server behind kube-apiserver's aggregator, and at ark-server's direct endpoint. It prints
// life cycles per second, the latency of a write, the processor time of kube-apiserver, etcd and
// ark-server per life cycle, and the writes to the cluster's etcd by resource.
//
// The ways alternate in every round; the output has medians. The aggregated and the direct way use
// the same ark-server. The figures include the load of an idle cluster: kube-apiserver renews a
// lease every ten seconds, and sends requests to itself.
package main
