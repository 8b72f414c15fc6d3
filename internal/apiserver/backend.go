package apiserver

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	flowcontrolrequest "k8s.io/apiserver/pkg/util/flowcontrol/request"
)

// Backend is where the server keeps its objects: something that speaks etcd's
// protocol. All methods are safe for concurrent use.
type Backend interface {
	// StorageConfig is the base of every resource's storage configuration.
	StorageConfig() storagebackend.Config
	// Decorator builds the storage of one resource, with its watch cache.
	Decorator() generic.StorageDecorator
	// Ready says why the storage cannot serve just now, or nil.
	Ready(ctx context.Context) error
	// Close releases what the backend holds. It is called once, after the last
	// storage built by Decorator has been destroyed.
	Close() error
}

// RESTOptions returns the options with which a registry builds its stores on a
// backend, for resources that lie in the given layout.
func RESTOptions(backend Backend, layout Layout, tracker flowcontrolrequest.StorageObjectCountTracker, limit objectLimit) generic.RESTOptionsGetter {
	return restOptions{backend: backend, layout: layout, tracker: tracker, limit: limit}
}

type restOptions struct {
	backend Backend
	layout  Layout
	tracker flowcontrolrequest.StorageObjectCountTracker
	limit   objectLimit
}

func (o restOptions) GetRESTOptions(resource schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	config, err := o.layout.NewConfig(resource, example)
	if err != nil {
		return generic.RESTOptions{}, err
	}
	return generic.RESTOptions{
		StorageConfig:             config,
		Decorator:                 withSizeAware(o.backend.Decorator(), o.limit),
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
