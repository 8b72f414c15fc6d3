package registry

import (
	"context"
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// place is where an object holds a duration. It is nil for a place that this
// object does not have. All objects of a kind have their places in one order.
type place = **v1alpha1.Duration

// places returns where the spec, or the status, of an object holds durations. It is
// nil for a kind that has none there.
type places func(runtime.Object) []place

func (p places) of(obj runtime.Object) []place {
	if p == nil || obj == nil {
		return nil
	}
	return p(obj)
}

// respelled reports whether two places hold the same span of time in different
// spellings, such as 5m and 5m0s.
func respelled(a, b place) bool {
	if a == nil || b == nil || *a == nil || *b == nil || **a == **b {
		return false
	}
	before, err := (*a).Parse()
	if err != nil {
		return false
	}
	after, err := (*b).Parse()
	return err == nil && before == after
}

// spellDurations settles the text of every duration in obj. One that is the same
// span of time as in old keeps the text that old has. Any other is written as
// Go writes it, if goForm says so. old is nil on create.
func (k Kind) spellDurations(obj, old runtime.Object, goForm bool) {
	k.parts.durations.spell(obj, old, goForm)
	k.parts.statusDurations.spell(obj, old, goForm)
}

func (p places) spell(obj, old runtime.Object, goForm bool) {
	was := p.of(old)
	for i, is := range p.of(obj) {
		if is == nil || *is == nil {
			continue
		}
		if i < len(was) && was[i] != nil && *was[i] != nil {
			if **was[i] == **is {
				continue
			}
			if respelled(was[i], is) {
				*is = *was[i]
				continue
			}
		}
		if goForm {
			canonical := (*is).GoForm()
			*is = &canonical
		}
	}
}

// withSpellingOf returns a copy of old in which every duration that obj only
// spells otherwise has the spelling of obj. It returns nil if there is none.
func (p places) withSpellingOf(obj, old runtime.Object) runtime.Object {
	var out runtime.Object
	var changed []place
	is := p.of(obj)
	for i, was := range p.of(old) {
		if i >= len(is) || !respelled(was, is[i]) {
			continue
		}
		if out == nil {
			out = old.DeepCopyObject()
			changed = p.of(out)
		}
		*changed[i] = *is[i]
	}
	return out
}

// spelling is an update for which another spelling of a duration is no change.
// Clients that decode durations write them back as Go does, and they would own
// every field that they respell. The handlers compare the new object with the one
// that is stored to find out which fields their manager owns, so they are given
// the stored object in the spelling of the new one. spellDurations brings the
// stored text back later.
type spelling struct {
	rest.UpdatedObjectInfo
	kind Kind
	// places are those that the request can change: nobody comes to own a field of the
	// spec by a write of the status.
	places places
}

// UpdatedObject implements rest.UpdatedObjectInfo. It makes the object twice, with
// mutating admission, where the spelling differs.
func (s spelling) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	obj, err := s.UpdatedObjectInfo.UpdatedObject(ctx, old)
	switch {
	case apierrors.IsConflict(err):
		// Server-side apply of another spelling may be all that conflicts.
		seen := s.withoutConflicts(ctx, old)
		if seen == nil {
			return obj, err
		}
		alike := s.places.withSpellingOf(seen, old)
		if alike == nil {
			alike = old
		}
		if applied := s.kind.lastApplied(old); applied != nil {
			if both := s.places.withSpellingOf(applied, alike); both != nil {
				alike = both
			}
		}
		if alike != old {
			return s.UpdatedObjectInfo.UpdatedObject(ctx, alike)
		}
	case err == nil:
		if alike := s.places.withSpellingOf(obj, old); alike != nil {
			return s.UpdatedObjectInfo.UpdatedObject(ctx, alike)
		}
	}
	return obj, err
}

// lastApplied is the annotation in which kubectl apply keeps its configuration.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// lastApplied returns what kubectl apply without --server-side has noted of its
// configuration, or nil. Where the stored object still has a value from there, the
// field manager lets kubectl apply --server-side take over from it.
func (k Kind) lastApplied(old runtime.Object) runtime.Object {
	m, err := meta.Accessor(old)
	if err != nil {
		return nil
	}
	text := m.GetAnnotations()[lastApplied]
	if text == "" {
		return nil
	}
	applied := k.New()
	if json.Unmarshal([]byte(text), applied) != nil {
		return nil // whatever it is, it is no configuration of this kind
	}
	return applied
}

// withoutConflicts returns what an apply would make of old if nobody owned a field
// of it, or nil. There is no other way to see what is applied.
func (s spelling) withoutConflicts(ctx context.Context, old runtime.Object) runtime.Object {
	if len(s.places.of(old)) == 0 {
		return nil
	}
	free := old.DeepCopyObject()
	m, err := meta.Accessor(free)
	if err != nil {
		return nil
	}
	// With no entry at all, the field manager would make up one that owns everything.
	m.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: "nobody", Operation: metav1.ManagedFieldsOperationUpdate,
		APIVersion: s.kind.GroupVersion.String(), FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:ark.mckinsey.com/none":{}}}}`),
	}})
	seen, err := s.UpdatedObjectInfo.UpdatedObject(ctx, free)
	if err != nil {
		return nil
	}
	return seen
}
