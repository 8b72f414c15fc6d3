package registry

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// statusStrategy is the behaviour of the /status subresource: only the status
// changes, whatever else the request holds.
type statusStrategy struct {
	strategy
}

var (
	_ rest.RESTUpdateStrategy  = statusStrategy{}
	_ rest.ResetFieldsStrategy = statusStrategy{}
)

// GetResetFields names what a writer of the status cannot own.
func (s statusStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.resetFields("metadata", "spec")
}

// PrepareForUpdate restores everything but the status, the record of who owns which field, and the
// claim of the executor. The resourceVersion may come from the old object: the store has compared
// the two before.
func (s statusStrategy) PrepareForUpdate(ctx context.Context, obj, old runtime.Object) {
	newMeta, err := meta.Accessor(obj)
	if err != nil {
		return // not an object of the API; validation says so
	}
	forgetKind(old)
	settleUnknown(obj, old, true)
	unknown := unknownOf(obj)
	kept := *unknown
	owners := newMeta.GetManagedFields()
	claim := s.rules.claimOf(ctx, newMeta)
	s.kind.parts.keepOnlyStatus(obj, old)
	newMeta.SetManagedFields(owners)
	claim.apply(newMeta)
	s.kind.spellDurations(obj, old, false)
	*unknown = kept
}

// ValidateUpdate judges only the status: a status write must go through on an
// object whose spec newer rules would refuse.
func (s statusStrategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	return validateUpdate(obj, old, "status")
}

// WarningsOnUpdate has none; the metadata cannot change here.
func (statusStrategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}
