// Package cluster tests ark-server in a real cluster: behind the aggregation layer of a real
// kube-apiserver, with etcd and kube-controller-manager, through kubectl, client-go and Helm. It
// runs under "make e2e-heavy".
//
// One control plane serves many tests (starting one takes 5 to 15 s); each test uses separate
// namespaces and names.
package cluster
