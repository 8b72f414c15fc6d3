package storage

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	flowcontrolrequest "k8s.io/apiserver/pkg/util/flowcontrol/request"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
)

// Backend is where the server keeps its objects: something that speaks etcd's
// protocol. All methods are safe for concurrent use.
type Backend interface {
	// StorageConfig is the base of every resource's storage configuration.
	StorageConfig() storagebackend.Config
	// Decorator builds the storage of one resource, with its watch cache.
	Decorator() generic.StorageDecorator
	// Ready returns the reason why the storage cannot serve at the moment, or nil.
	Ready(ctx context.Context) error
	// Close releases what the backend holds. It is called once, after the last
	// storage built by Decorator has been destroyed.
	Close() error
}

// RESTOptions returns the options with which a registry builds its stores on a
// backend, for resources that lie in the given layout.
func RESTOptions(backend Backend, layout Layout, tracker flowcontrolrequest.StorageObjectCountTracker, limit ObjectLimit, off hooks.Off) generic.RESTOptionsGetter {
	return restOptions{backend: backend, layout: layout, tracker: tracker, limit: limit, off: off}
}

type restOptions struct {
	backend Backend
	layout  Layout
	tracker flowcontrolrequest.StorageObjectCountTracker
	limit   ObjectLimit
	off     hooks.Off
}

func (o restOptions) GetRESTOptions(resource schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	config, err := o.layout.NewConfig(resource, example)
	if err != nil {
		return generic.RESTOptions{}, err
	}
	return generic.RESTOptions{
		StorageConfig:             config,
		Decorator:                 withSizeAware(o.backend.Decorator(), o.limit, o.off),
		DeleteCollectionWorkers:   deleteCollectionWorkers,
		EnableGarbageCollection:   true,
		ResourcePrefix:            o.layout.ResourcePrefix(resource),
		CountMetricPollPeriod:     config.CountMetricPollPeriod,
		StorageObjectCountTracker: o.tracker,
	}, nil
}

// deleteCollectionWorkers delete the objects of one deletecollection side by
// side, so that their writes share commits.
const deleteCollectionWorkers = 8

// Layout says how the objects of some group are encoded and under which keys
// they lie. k8s.io/apiserver's storage factories satisfy it.
type Layout interface {
	// NewConfig returns the storage configuration of one resource, with its codec.
	NewConfig(resource schema.GroupResource, example runtime.Object) (*storagebackend.ConfigForResource, error)
	// ResourcePrefix is the part of the key between layout.KeyPrefix and the namespace.
	ResourcePrefix(resource schema.GroupResource) string
}

// ArkLayout returns the layout of the Ark kinds, on a backend's base configuration.
func ArkLayout(base storagebackend.Config, ark layout.Layout) Layout { return arkLayout{ark, base} }

type arkLayout struct {
	layout.Layout
	base storagebackend.Config
}

// NewConfig implements Layout.
func (l arkLayout) NewConfig(resource schema.GroupResource, _ runtime.Object) (*storagebackend.ConfigForResource, error) {
	config := l.base
	codec, version, err := l.Codec(resource)
	if err != nil {
		return nil, err
	}
	config.Codec, config.EncodeVersioner = codec, version
	return config.ForResource(resource), nil
}
