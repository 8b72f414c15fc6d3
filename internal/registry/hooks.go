package registry

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

// hooks are a kind's rules beyond its schema, for objects of type O. Any may be
// nil.
type hooks[O any] struct {
	// defaults fills in and migrates.
	defaults func(ctx context.Context, env rules.Env, obj O, create bool)
	// stamp notes who writes, after defaults. old is the zero O on create.
	stamp func(obj, old O, by author)
	// authorize returns what the requester may not do. old is as for stamp.
	authorize func(ctx context.Context, by requester, obj, old O) field.ErrorList
	// transition returns what must not change.
	transition func(obj, old O) field.ErrorList
	// check returns the faults of a defaulted object.
	check func(ctx context.Context, env rules.Env, obj O) field.ErrorList
	// warn returns texts for the client.
	warn func(ctx context.Context, env rules.Env, obj O) []string
	// begin gives an object that is created the status that it begins with, where such objects are
	// executed in the process.
	begin func(obj O, now time.Time)
	// goDurations kinds store durations as Go writes them, such as 5m0s for 5m:
	// those for which Ark has a mutating webhook, which decodes the whole object.
	goDurations bool
	// skippable kinds honour rules.SkipLabel: for all but stamp and authorize.
	skippable bool
}

// untyped makes hooks forget the object's type.
func untyped[T any](h hooks[*T], typed func(runtime.Object) *T) hooks[runtime.Object] {
	orNil := func(obj runtime.Object) *T {
		if obj == nil {
			return nil
		}
		return typed(obj)
	}
	out := hooks[runtime.Object]{skippable: h.skippable, goDurations: h.goDurations}
	if h.defaults != nil {
		out.defaults = func(ctx context.Context, env rules.Env, obj runtime.Object, create bool) {
			h.defaults(ctx, env, typed(obj), create)
		}
	}
	if h.stamp != nil {
		out.stamp = func(obj, old runtime.Object, by author) { h.stamp(typed(obj), orNil(old), by) }
	}
	if h.authorize != nil {
		out.authorize = func(ctx context.Context, by requester, obj, old runtime.Object) field.ErrorList {
			return h.authorize(ctx, by, typed(obj), orNil(old))
		}
	}
	if h.transition != nil {
		out.transition = func(obj, old runtime.Object) field.ErrorList { return h.transition(typed(obj), typed(old)) }
	}
	if h.check != nil {
		out.check = func(ctx context.Context, env rules.Env, obj runtime.Object) field.ErrorList {
			return h.check(ctx, env, typed(obj))
		}
	}
	if h.begin != nil {
		out.begin = func(obj runtime.Object, now time.Time) { h.begin(typed(obj), now) }
	}
	if h.warn != nil {
		out.warn = func(ctx context.Context, env rules.Env, obj runtime.Object) []string {
			return h.warn(ctx, env, typed(obj))
		}
	}
	return out
}
