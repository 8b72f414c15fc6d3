// Package encryption keeps what a standalone server stores of Secrets encrypted, as kube-apiserver
// does and in its format: a file says which resources, and with which keys. Without a file of its
// owner's the server makes one with a key of its own.
//
//	Ensure       makes that file
//	Open         reads a file
//	Prepare      before the server starts: says which key is missing, and encrypts what is not encrypted as the file says
//	Follow       while it runs: reads the file again when it changes, and encrypts with its first key
//	Rotate       adds a key to the file that Ensure made
//
// Invariants: values are written to the storage only where it still has what they were made of;
// nothing is started on a storage of which a key is missing; keys and values are in no error and no
// log.
//
// The package may import internal/apis/ark, internal/apiserver/layout, internal/privatefile,
// go.etcd.io/etcd/client/v3, k8s.io/apimachinery, k8s.io/apiserver, k8s.io/klog/v2 and
// sigs.k8s.io/yaml.
package encryption
