// Package transfer moves the objects of the Ark API, and what a standalone server keeps besides
// them, in and out of a server's storage as they are: with uid, status, creation and deletion
// times, generation, finalizers, owners and managed fields, none of which the API itself lets a
// client set.
//
//	Source --Importer--> Store        a cluster with the Ark CRDs, another ark-server, files, and in arktable the
//	                                  database of Ark's own ark-apiserver
//	Store --WriteFile--> file         and from there anywhere
//	Store --Kube.Apply--> a cluster   the way back, through its API
//
// A Store is the etcd-protocol storage under a server, reached in this process or over a wire.
// Objects are written under the keys and in the encoding of the API server's own storage, so that a
// server which starts on the storage, or replicas that run on it, serve them and their watchers
// hear of them.
//
// # Invariants
//
//  1. What the Go types cannot carry is not lost: an object is stored in the server's encoding only
//     if that holds everything that the source's text holds, and else as that text (form.go).
//  2. What the server could not read is not written, for one such object would keep the whole kind
//     from being served. It is reported, and stays in the source.
//  3. Each object is written in one transaction together with a record of where it came from
//     (record.go), so an import that is killed goes on where it was. The object's revision is not
//     above the record's until somebody else writes the object: that is how a later pass knows what
//     it may overwrite or delete.
//  4. A pass that changes nothing writes nothing.
//  5. Nothing is deleted unless the whole source was read without an error, and every text in it.
//  6. Memory holds some pages of objects and the names of all, never the whole set. Only a YAML or
//     JSON document that is one large List is held whole, and in an import the ConfigMaps and
//     Secrets that Ark's objects own.
//  7. Of a standalone server come Namespaces, ConfigMaps and, if asked for, Secrets too (core.go),
//     before the objects that refer to them. What a cluster keeps itself is neither read from there
//     nor written to the storage of a server in one (serves.go). Of its own objects an export
//     changes only what an earlier one made there (export_core.go).
//  8. Reports name objects and the paths of fields, never values: specs may hold secrets.
//
// The package may import internal/apis/ark, internal/apis/ark/install,
// internal/apis/ark/validation, internal/apiserver/layout, internal/objectjson,
// internal/privatefile, internal/version, go.etcd.io/etcd/api/v3,
// go.etcd.io/etcd/client/v3, golang.org/x/sync, k8s.io/api, k8s.io/apimachinery,
// k8s.io/client-go and sigs.k8s.io/yaml.
package transfer
