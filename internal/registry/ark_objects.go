package registry

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

// arkObjects is what the rules read: the Ark kinds from their own stores, the
// rest from Core.
type arkObjects struct {
	rules.KeyedObjects
	readers map[string]*Reader
}

var _ rules.Objects = &arkObjects{}

func newArkObjects(core rules.KeyedObjects) *arkObjects {
	if core == nil {
		core = noKeyedObjects{}
	}
	return &arkObjects{KeyedObjects: core, readers: map[string]*Reader{}}
}

// add has the kind's objects read from its store. All stores are added before
// the first is used.
func (a *arkObjects) add(kind Kind, store *genericregistry.Store) {
	// A query without an ArkConfig is the rule, and must not cost a read of the
	// storage; the same goes for the memory that an ArkConfig names.
	confirm := kind.Plural != "arkconfigs" && kind.Plural != "memories"
	a.readers[kind.Plural] = NewReader(store, confirm)
}

// Ark implements rules.Objects.
func (a *arkObjects) Ark(ctx context.Context, resource, namespace, name string) (runtime.Object, error) {
	reader, ok := a.readers[resource]
	if !ok {
		return nil, fmt.Errorf("there is no resource %s", resource)
	}
	return reader.Get(ctx, namespace, name)
}

// noKeyedObjects stands in where nothing reads Secrets and ConfigMaps.
type noKeyedObjects struct{}

func (noKeyedObjects) Secret(context.Context, string, string, string) (map[string][]byte, error) {
	return nil, rules.ErrUnreadable
}

func (noKeyedObjects) ConfigMap(context.Context, string, string, string) (map[string]string, error) {
	return nil, rules.ErrUnreadable
}
