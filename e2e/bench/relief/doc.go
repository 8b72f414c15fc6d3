// Command relief measures what ark-server takes off a cluster's etcd: it drives the life cycles of queries through a real
// kube-apiserver, once with the Ark kinds as CRDs and once with ark-server behind its aggregator, and prints what was written to
// the cluster's etcd meanwhile, by resource, and the life cycles per second of both.
//
// Both control planes run side by side and take turns in every round; medians are printed. What an idle cluster writes is in the
// figures too, by name: kube-apiserver renews a lease every ten seconds.
package main
