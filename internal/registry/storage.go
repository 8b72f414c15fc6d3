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

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

// REST serves a kind's main resource.
type REST struct {
	*genericregistry.Store
	kind Kind
	past Past
}

// StatusREST serves a kind's /status.
type StatusREST struct {
	store *genericregistry.Store
	kind  Kind
}

var (
	_ rest.StandardStorage     = &REST{}
	_ rest.ShortNamesProvider  = &REST{}
	_ rest.CategoriesProvider  = &REST{}
	_ rest.Patcher             = &StatusREST{}
	_ rest.ResetFieldsStrategy = &StatusREST{}
	_ rest.TableConvertor      = &StatusREST{}
)

// ShortNames implements rest.ShortNamesProvider.
func (r *REST) ShortNames() []string { return r.kind.ShortNames }

// Categories implements rest.CategoriesProvider.
func (r *REST) Categories() []string { return Categories() }

// Categories returns what all kinds belong to: kubectl get ark shows all kinds.
func Categories() []string { return []string{"ark"} }

// Update changes an object. Another spelling of a duration is no change.
func (r *REST) Update(ctx context.Context, name string, obj rest.UpdatedObjectInfo, createValidation rest.ValidateObjectFunc, updateValidation rest.ValidateObjectUpdateFunc, forceAllowCreate bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return r.Store.Update(ctx, name, checkedUpdate{spelling{obj, r.kind, r.kind.parts.durations}, r.kind.GroupVersionKind(), false, options.FieldValidation}, createValidation, updateValidation, forceAllowCreate, options)
}

// newStorage makes the storage of one kind. Both results share one store, which
// the first one's Destroy closes.
func newStorage(kind Kind, scheme *runtime.Scheme, options generic.RESTOptionsGetter, env Environment, ark *arkObjects) (*REST, *StatusREST, error) {
	s := newStrategy(kind, scheme)
	s.rules = &ruleset{kind: kind, env: env, objects: rules.Env{Objects: ark, ModelURLs: env.ModelURLs}}
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
	if err := store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options, AttrFunc: kind.attributes, Indexers: kind.indexers()}); err != nil {
		return nil, nil, fmt.Errorf("set up the storage of %s: %w", kind.Resource(), err)
	}
	ark.add(kind, store)
	status := *store
	status.UpdateStrategy = statusStrategy{s}
	status.ResetFieldsStrategy = statusStrategy{s}
	return &REST{Store: store, kind: kind, past: env.Past}, &StatusREST{store: &status, kind: kind}, nil
}

// Storage makes the storage of all kinds given, by version and resource path,
// as an API group is installed from. Their strategies read each other's objects.
func Storage(kinds []Kind, scheme *runtime.Scheme, options generic.RESTOptionsGetter, env Environment) (map[string]map[string]rest.Storage, error) {
	ark := newArkObjects(env.Core)
	versions := map[string]map[string]rest.Storage{}
	for _, kind := range kinds {
		main, status, err := newStorage(kind, scheme, options, env, ark)
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

// Create implements rest.Creater.
func (r *REST) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	if err := CheckUnknown(ctx, r.kind.GroupVersionKind(), obj, nil, false, options.FieldValidation); err != nil {
		return nil, err
	}
	return r.Store.Create(ctx, obj, validate, options)
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
	obj = checkedUpdate{spelling{obj, r.kind, r.kind.parts.statusDurations}, r.kind.GroupVersionKind(), true, options.FieldValidation}
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
