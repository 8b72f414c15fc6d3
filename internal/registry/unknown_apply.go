package registry

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// The field manager of server-side apply merges by the schema of a kind, so it sees no
// unknown fields and nobody can own them. They are put back into its result.

type appliedKey struct{}

// applied is what a client applies: the whole object, as far as that is known, and the
// unknown fields that were in its status.
type applied struct {
	object  runtime.Object
	unknown objectjson.UnknownFields
}

// WithApplied marks the context of a server-side apply. The object may be nil; it is
// what is applied, with the unknown fields that are to be kept.
func WithApplied(ctx context.Context, object runtime.Object) context.Context {
	a := applied{object: object}
	if unknown := unknownOf(object); unknown != nil {
		a.unknown = *unknown
	}
	return context.WithValue(ctx, appliedKey{}, a)
}

// restoreApplied gives the result of a server-side apply the unknown fields of the
// stored object and of what was applied. For others it does nothing.
func restoreApplied(ctx context.Context, obj, old runtime.Object) {
	into := unknownOf(obj)
	if into == nil {
		return
	}
	had := objectjson.UnknownFields{}
	if u := unknownOf(old); u != nil {
		had = *u
	}
	a, ok := ctx.Value(appliedKey{}).(applied)
	if !ok || a.unknown.Raw == "" && had.Raw == "" {
		return
	}
	tooDeep := into.TooDeep || a.unknown.TooDeep
	result := known(obj)
	fields := moved(had.List(), known(old), result)
	fields = append(fields, moved(a.unknown.List(), known(a.object), result)...)
	fields = append(fields, into.List()...)
	if all, err := objectjson.NewUnknownFields(fields); err == nil { // they all were encoded before
		*into = all
	}
	into.TooDeep = tooDeep
}

// known is what an object's type declares of it, as decoded JSON.
func known(obj runtime.Object) any {
	o, ok := obj.(objectjson.Object)
	if !ok || reflect.ValueOf(obj).IsNil() {
		return nil
	}
	text, err := json.Marshal(o.Plain())
	if err != nil {
		return nil
	}
	var value any
	_ = json.Unmarshal(text, &value) // what was encoded just now
	return value
}

// moved returns the unknown fields of one object as fields of another: elements of lists may
// have other places there. Those of an element that is gone go with it.
func moved(fields []objectjson.UnknownField, from, to any) []objectjson.UnknownField {
	var out []objectjson.UnknownField
	for _, f := range fields {
		if path, ok := movedPath(f.Path, from, to); ok {
			out = append(out, objectjson.UnknownField{Path: path, Value: f.Value})
		}
	}
	return out
}

func movedPath(path objectjson.Path, from, to any) (objectjson.Path, bool) {
	out := slices.Clone(path)
	for i, step := range path {
		place, isIndex := step.Index()
		if !isIndex {
			from, to = memberOf(from, step.Name()), memberOf(to, step.Name())
			continue
		}
		before, _ := from.([]any)
		after, _ := to.([]any)
		if place >= len(before) {
			return nil, false
		}
		now := placeOf(before[place], place, after)
		if now < 0 {
			return nil, false
		}
		out[i] = objectjson.Index(now)
		from, to = before[place], after[now]
	}
	return out, true
}

func memberOf(value any, name string) any {
	object, _ := value.(map[string]any)
	return object[name]
}

// placeOf finds an element in a list: where it was, or anywhere, as it was, or else with
// the same name or type. It returns -1 if it is gone.
func placeOf(element any, at int, list []any) int {
	if at < len(list) && reflect.DeepEqual(list[at], element) {
		return at
	}
	if i := slices.IndexFunc(list, func(e any) bool { return reflect.DeepEqual(e, element) }); i >= 0 {
		return i
	}
	for _, key := range []string{"type", "name", "id"} {
		if id, ok := memberOf(element, key).(string); ok {
			return slices.IndexFunc(list, func(e any) bool { return memberOf(e, key) == id })
		}
	}
	return -1
}
