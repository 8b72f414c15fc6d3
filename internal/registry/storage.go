package registry

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// REST serves a kind's main resource.
type REST struct {
	*genericregistry.Store
}

// StatusREST serves a kind's /status.
type StatusREST struct {
	store *genericregistry.Store
}

var (
	_ rest.StandardStorage     = &REST{}
	_ rest.Patcher             = &StatusREST{}
	_ rest.ResetFieldsStrategy = &StatusREST{}
	_ rest.TableConvertor      = &StatusREST{}
)

// NewStorage makes the storage of one kind. Both results share one store, which
// the first one's Destroy closes.
func NewStorage(kind Kind, scheme *runtime.Scheme, options generic.RESTOptionsGetter) (*REST, *StatusREST, error) {
	s := newStrategy(kind, scheme)
	store := &genericregistry.Store{
		NewFunc:                   kind.New,
		NewListFunc:               kind.NewList,
		PredicateFunc:             kind.predicate,
		DefaultQualifiedResource:  kind.Resource(),
		SingularQualifiedResource: kind.GroupVersion.WithResource(kind.Singular).GroupResource(),
		CreateStrategy:            s,
		UpdateStrategy:            s,
		DeleteStrategy:            s,
		ResetFieldsStrategy:       s,
		TableConvertor:            tableConvertor{kind: kind},
	}
	if err := store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options, AttrFunc: kind.attributes}); err != nil {
		return nil, nil, fmt.Errorf("set up the storage of %s: %w", kind.Resource(), err)
	}
	status := *store
	status.UpdateStrategy = statusStrategy{s}
	status.ResetFieldsStrategy = statusStrategy{s}
	return &REST{Store: store}, &StatusREST{store: &status}, nil
}

// Storage makes the storage of all kinds given, by version and resource path,
// as an API group is installed from.
func Storage(kinds []Kind, scheme *runtime.Scheme, options generic.RESTOptionsGetter) (map[string]map[string]rest.Storage, error) {
	versions := map[string]map[string]rest.Storage{}
	for _, kind := range kinds {
		main, status, err := NewStorage(kind, scheme, options)
		if err != nil {
			return nil, err
		}
		resources := versions[kind.GroupVersion.Version]
		if resources == nil {
			resources = map[string]rest.Storage{}
			versions[kind.GroupVersion.Version] = resources
		}
		resources[kind.Plural] = main
		resources[kind.Plural+"/status"] = status
	}
	return versions, nil
}

// New returns an empty object.
func (r *StatusREST) New() runtime.Object { return r.store.New() }

// Destroy does nothing: the store belongs to the main resource.
func (r *StatusREST) Destroy() {}

// Get is needed for patches.
func (r *StatusREST) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return r.store.Get(ctx, name, options)
}

// Update changes the status of an object that exists; it never creates one.
func (r *StatusREST) Update(ctx context.Context, name string, obj rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc, updateValidation rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return r.store.Update(ctx, name, obj, createValidation, updateValidation, false, options)
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (r *StatusREST) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return r.store.GetResetFields()
}

// ConvertToTable implements rest.TableConvertor.
func (r *StatusREST) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return r.store.ConvertToTable(ctx, obj, options)
}
