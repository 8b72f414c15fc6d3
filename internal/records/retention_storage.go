package records

import (
	"context"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
)

// Layout returns the storage layout of the objects that the group stores: JSON, next to Ark's
// objects.
func (g *Group) Layout(base storagebackend.Config) storage.Layout {
	return layout{base, g.codecs.LegacyCodec(v1alpha1.SchemeGroupVersion)}
}

type layout struct {
	base  storagebackend.Config
	codec runtime.Codec
}

// NewConfig implements storage.Layout.
func (l layout) NewConfig(resource schema.GroupResource, _ runtime.Object) (*storagebackend.ConfigForResource, error) {
	config := l.base
	config.Codec, config.EncodeVersioner = l.codec, v1alpha1.SchemeGroupVersion
	return config.ForResource(resource), nil
}

// ResourcePrefix implements storage.Layout.
func (layout) ResourcePrefix(resource schema.GroupResource) string {
	return resource.Group + "/" + resource.Resource
}

// policies serves the kind RetentionPolicy.
type policies struct{ *genericregistry.Store }

var _ rest.StandardStorage = policies{}

func (g *Group) newPolicies(options generic.RESTOptionsGetter) (*policies, error) {
	s := policyStrategy{ObjectTyper: g.scheme, NameGenerator: names.SimpleNameGenerator, kinds: g.kinds}
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return &v1alpha1.RetentionPolicy{} },
		NewListFunc:               func() runtime.Object { return &v1alpha1.RetentionPolicyList{} },
		DefaultQualifiedResource:  v1alpha1.Resource("retentionpolicies"),
		SingularQualifiedResource: v1alpha1.Resource("retentionpolicy"),
		CreateStrategy:            s, UpdateStrategy: s, DeleteStrategy: s,
		TableConvertor: rest.NewDefaultTableConvertor(v1alpha1.Resource("retentionpolicies")),
	}
	if err := store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options}); err != nil {
		return nil, fmt.Errorf("set up the storage of retention policies: %w", err)
	}
	return &policies{store}, nil
}

// policyStrategy validates retention policies.
type policyStrategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	kinds kinds
}

func (policyStrategy) NamespaceScoped() bool                         { return false }
func (policyStrategy) AllowCreateOnUpdate(context.Context) bool      { return false }
func (policyStrategy) AllowUnconditionalUpdate(context.Context) bool { return true }
func (policyStrategy) Canonicalize(runtime.Object)                   {}

func (policyStrategy) PrepareForCreate(_ context.Context, obj runtime.Object) {
	if p, ok := obj.(*v1alpha1.RetentionPolicy); ok {
		p.Generation = 1
	}
}

func (policyStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	now, ok := obj.(*v1alpha1.RetentionPolicy)
	was, too := old.(*v1alpha1.RetentionPolicy)
	if !ok || !too {
		return
	}
	now.Generation = was.Generation
	if !reflect.DeepEqual(now.Spec, was.Spec) {
		now.Generation++
	}
}

func (s policyStrategy) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	p, ok := obj.(*v1alpha1.RetentionPolicy)
	if !ok {
		return field.ErrorList{field.InternalError(nil, fmt.Errorf("a %T is no retention policy", obj))}
	}
	_, _, faults := s.kinds.rules(&p.Spec)
	return faults
}

func (s policyStrategy) ValidateUpdate(ctx context.Context, obj, _ runtime.Object) field.ErrorList {
	return s.Validate(ctx, obj)
}

func (policyStrategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }

func (policyStrategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}
