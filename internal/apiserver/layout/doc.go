// Package layout says under which keys the Ark objects lie in a storage of etcd's protocol, and how
// they are encoded there.
//
// Invariants: the keys are those that custom resources have in a stock cluster; a kind has one
// stored version; the codecs decode what any release has written.
//
// The package may import internal/apis/ark/install, internal/apiserver/encoding,
// internal/apiserver/findings, internal/apiserver/hooks and k8s.io/apimachinery.
package layout
