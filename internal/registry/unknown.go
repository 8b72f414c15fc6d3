package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/warning"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Fields that this release does not declare are kept in a status, where a newer
// controller writes them, and wherever a stored object has them. A client cannot add
// them elsewhere: they are refused or pruned, as fieldValidation asks. Decision 21.

// unknownOf returns the place of an object's unknown fields, or nil.
func unknownOf(obj runtime.Object) *objectjson.UnknownFields {
	if o, ok := obj.(objectjson.Object); ok {
		return o.UnknownFields()
	}
	return nil
}

// settleUnknown leaves an object of a request with the unknown fields that it may
// have, and returns those that old, which is nil on create, does not have. The
// request is for the status, or for all but the status.
func settleUnknown(obj, old runtime.Object, status bool) (added []objectjson.UnknownField) {
	sent, had := unknownOf(obj), &objectjson.UnknownFields{}
	if old != nil {
		had = unknownOf(old)
	}
	if sent == nil || had == nil || sent.Raw == "" && had.Raw == "" {
		return nil
	}
	stored := had.List()
	var kept []objectjson.UnknownField
	for _, f := range sent.List() {
		written := inStatus(f) == status
		switch i := slices.IndexFunc(stored, func(s objectjson.UnknownField) bool {
			return s.Value == f.Value && s.Path.Pattern() == f.Path.Pattern()
		}); {
		case i >= 0:
			if written {
				kept = append(kept, f)
			}
		default:
			added = append(added, f)
			if written && status {
				kept = append(kept, f)
			}
		}
	}
	for _, s := range stored {
		// What the request does not write stays. A field that the client has changed
		// where it could not add it stays too, as it was.
		changed := func(f objectjson.UnknownField) bool { return !status && f.Path.String() == s.Path.String() }
		if inStatus(s) != status || slices.ContainsFunc(added, changed) {
			kept = append(kept, s)
		}
	}
	if settled, err := objectjson.NewUnknownFields(kept); err == nil { // they all were encoded before
		*sent = settled
	}
	return added
}

func inStatus(f objectjson.UnknownField) bool { return f.Path[0].Name() == "status" }

// sameUnknownInMain reports whether two objects have the same unknown fields in all but the
// status.
func sameUnknownInMain(a, b runtime.Object) bool {
	x, y := unknownOf(a), unknownOf(b)
	if x == nil || y == nil || x.Raw == y.Raw {
		return true
	}
	main := func(u *objectjson.UnknownFields) []objectjson.UnknownField {
		return slices.DeleteFunc(u.List(), inStatus)
	}
	return slices.EqualFunc(main(x), main(y), func(a, b objectjson.UnknownField) bool {
		return a.Value == b.Value && a.Path.String() == b.Path.String()
	})
}

// maxReported bounds the unknown fields that an answer names, as the decoder does.
const maxReported = 100

// reportUnknown refuses or reports the unknown fields that a request adds to an
// object, as its fieldValidation asks.
func reportUnknown(ctx context.Context, kind schema.GroupVersionKind, added []objectjson.UnknownField, validation string) error {
	if len(added) == 0 || validation == metav1.FieldValidationIgnore {
		return nil
	}
	var errs []error
	for _, f := range added[:min(len(added), maxReported)] {
		errs = append(errs, fmt.Errorf("unknown field %q", f.Path))
	}
	if validation != metav1.FieldValidationStrict {
		for _, err := range errs {
			warning.AddWarning(ctx, "", err.Error())
		}
		return nil
	}
	strict := runtime.NewStrictDecodingError(errs).Error()
	_, isApply := ctx.Value(appliedKey{}).(applied)
	if info, ok := request.RequestInfoFrom(ctx); ok && info.Verb == "patch" && !isApply {
		// As the stock handlers put it of the result of a patch.
		return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), pathsOf(added), strict)})
	}
	return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %s", kind.Kind, kind.Version, kind.Kind, strict))
}

func pathsOf(fields []objectjson.UnknownField) string {
	var paths []string
	for _, f := range fields[:min(len(fields), maxReported)] {
		paths = append(paths, f.Path.String())
	}
	return strings.Join(paths, ", ")
}

// CheckUnknown settles the unknown fields of an object that a request writes, and
// reports those that the request adds; old is nil on create. It may be called again
// for one request, and then has nothing left to report but fields of a status.
func CheckUnknown(ctx context.Context, kind schema.GroupVersionKind, obj, old runtime.Object, status bool, validation string) error {
	restoreApplied(ctx, obj, old)
	if err := checkNesting(kind, obj, old); err != nil {
		return err
	}
	return reportUnknown(ctx, kind, settleUnknown(obj, old, status), validation)
}

// checkNesting refuses an object with a value that nests too deep, unless it was stored so.
func checkNesting(kind schema.GroupVersionKind, obj, old runtime.Object) error {
	sent := unknownOf(obj)
	if sent == nil || !sent.TooDeep {
		return nil
	}
	if had := unknownOf(old); had != nil && had.TooDeep {
		return nil
	}
	name := ""
	if m, err := meta.Accessor(obj); err == nil {
		name = m.GetName()
	}
	fault := field.Forbidden(nil, fmt.Sprintf("a value with free content nests deeper than %d levels", objectjson.MaxNesting))
	fault.Field = "spec"
	return apierrors.NewInvalid(kind.GroupKind(), name, field.ErrorList{fault})
}

// checkedUpdate is what a request makes of a stored object, with its unknown fields
// checked.
type checkedUpdate struct {
	rest.UpdatedObjectInfo
	kind       schema.GroupVersionKind
	status     bool
	validation string
}

// UpdatedObject implements rest.UpdatedObjectInfo.
func (u checkedUpdate) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	obj, err := u.UpdatedObjectInfo.UpdatedObject(ctx, old)
	if err != nil || obj == nil {
		return obj, err
	}
	return obj, CheckUnknown(ctx, u.kind, obj, old, u.status, u.validation)
}
