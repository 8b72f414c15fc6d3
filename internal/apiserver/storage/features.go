package storage

import (
	"fmt"

	"k8s.io/apiserver/pkg/features"
	utilfeature "k8s.io/apiserver/pkg/util/feature"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
)

// SetFeatureGates sets the gates of the process that this server has otherwise than upstream. Call it before the first
// storage is made; a second call changes nothing.
//
// The watch cache would keep a tree of all objects for each of its events, to answer
// the later pages of a list, and lists of the past, instead of the storage. Here the
// storage answers them from memory too. See decision 18.
func SetFeatureGates(off hooks.Off) error {
	if off.Has(hooks.Snapshots) {
		return nil
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{string(features.ListFromCacheSnapshot): false}); err != nil {
		return fmt.Errorf("set feature gates: %w", err)
	}
	return nil
}
