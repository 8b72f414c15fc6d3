package storage

import (
	"fmt"

	"k8s.io/apiserver/pkg/features"
	utilfeature "k8s.io/apiserver/pkg/util/feature"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
)

// SetFeatureGates sets the gates of the process that this server has otherwise than upstream. Call
// it before the first storage is made; a second call changes nothing.
//
// The watch cache would keep a tree of all objects for each of its events, to answer
// the later pages of a list, and lists of the past, instead of the storage. Here the
// storage answers them from memory too. See decision 18.
//
// The etcd3 storage would keep the size of each object under its key, for what Priority and
// Fairness reckons a list to cost, which this server does not ask: 75 bytes an object.
func SetFeatureGates(off hooks.Off) error {
	gates := map[string]bool{}
	if !off.Has(hooks.Snapshots) {
		gates[string(features.ListFromCacheSnapshot)] = false
	}
	if !off.Has(hooks.Estimates) {
		gates[string(features.SizeBasedListCostEstimate)] = false
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(gates); err != nil {
		return fmt.Errorf("set feature gates: %w", err)
	}
	return nil
}
