// Package asked leaves out the admission plugins of webhooks and policies while there are none:
// each costs every write its share of audit annotations, metrics and locks, also where it has
// nothing to ask. Both modes use it.
//
// Invariant: a plugin is left out only while its informer, which is the one that the plugin itself
// reads, has synced and is empty. Where plugins read files too (staticManifestsDir), none is left
// out.
//
// The package may import k8s.io/apiserver and k8s.io/client-go.
package asked
