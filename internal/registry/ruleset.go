package registry

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

// ruleset runs a kind's rules on writes of its main resource, in the order
// defaults, transition, check. It leaves objects alone that are being deleted.
// A nil ruleset has no rules.
type ruleset struct {
	kind    Kind
	env     Environment
	objects rules.Env
}

// prepare fills in obj. old is nil on create.
func (r *ruleset) prepare(ctx context.Context, obj, old runtime.Object) {
	if r == nil || beingDeleted(old) {
		return
	}
	h := r.kind.hooks
	if h.defaults != nil && !r.skips(obj, old) {
		h.defaults(ctx, r.objects, obj, old == nil)
	}
	if h.stamp != nil {
		name := ""
		if u, ok := request.UserFrom(ctx); ok {
			name = u.GetName()
		}
		h.stamp(obj, old, author{name: name, at: r.env.now()})
	}
}

// goDurations reports whether durations are to be stored as Go writes them.
func (r *ruleset) goDurations(obj, old runtime.Object) bool {
	return r != nil && r.kind.hooks.goDurations && !beingDeleted(old) && !r.skips(obj, old)
}

// check returns the faults of a prepared object. An update whose spec is the old
// one has none, and faults that the old object has too do not count: as for the
// schema, what is stored stays editable as long as an edit adds no fault.
func (r *ruleset) check(ctx context.Context, obj, old runtime.Object) field.ErrorList {
	if r == nil || beingDeleted(old) || old != nil && generationOf(obj) == generationOf(old) {
		return nil
	}
	h := r.kind.hooks
	var errs field.ErrorList
	if h.authorize != nil && r.env.Authorizer != nil {
		errs = h.authorize(ctx, requester{r.env.Authorizer}, obj, old)
	}
	if r.skips(obj, old) {
		return errs
	}
	if h.transition != nil && old != nil {
		errs = append(errs, h.transition(obj, old)...)
	}
	if h.check == nil || len(errs) > 0 {
		return errs
	}
	env := r.objects
	env.Objects = forSender(ctx, r.env.Authorizer, env.Objects)
	errs = h.check(ctx, env, obj)
	if len(errs) == 0 || old == nil {
		return errs
	}
	before := h.check(ctx, env, old)
	return slices.DeleteFunc(errs, func(e *field.Error) bool {
		return slices.ContainsFunc(before, func(b *field.Error) bool {
			return b.Error() == e.Error() || rules.SameUnusableReference(b, e)
		})
	})
}

// warn returns texts for the client about an object that is going to be stored.
func (r *ruleset) warn(ctx context.Context, obj, old runtime.Object) []string {
	if r == nil || r.kind.hooks.warn == nil || beingDeleted(old) || r.skips(obj, old) {
		return nil
	}
	return r.kind.hooks.warn(ctx, r.objects, obj)
}

// skips reports whether the object asks for no rules, and did so before.
func (r *ruleset) skips(obj, old runtime.Object) bool {
	return r.kind.hooks.skippable && asksToSkip(obj) && (old == nil || asksToSkip(old))
}

func asksToSkip(obj runtime.Object) bool {
	m, err := meta.Accessor(obj)
	return err == nil && rules.Skips(m)
}

func beingDeleted(old runtime.Object) bool {
	if old == nil {
		return false
	}
	m, err := meta.Accessor(old)
	return err == nil && m.GetDeletionTimestamp() != nil
}
