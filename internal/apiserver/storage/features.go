package storage

import (
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/features"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
)

// The watch cache would keep a tree of all objects for each of its events, to answer
// the later pages of a list, and lists of the past, instead of the storage. Here the
// storage answers them from memory too. See decision 18.
func init() {
	utilruntime.Must(utilfeature.DefaultMutableFeatureGate.OverrideDefault(features.ListFromCacheSnapshot, false))
}
