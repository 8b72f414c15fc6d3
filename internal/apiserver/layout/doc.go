// Package layout says under which keys the Ark objects lie in a storage of etcd's protocol, and how
// they are encoded there.
//
// Invariants: the keys are those that custom resources have in a stock cluster; a kind has one
// stored version; the codecs decode what any release has written.
//
// The package may import internal/apiserver/{encoding,findings}, internal/apis/ark and
// k8s.io/apimachinery, not k8s.io/apiserver: what moves objects without a server builds on it.
package layout
