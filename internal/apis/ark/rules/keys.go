package rules

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// scope is where an object's references are looked up: in its own namespace.
type scope struct {
	Env
	namespace string
}

// secretKey returns a fault at path unless the key exists, also if the reference
// is optional, as in Ark. What is incomplete is for the schema to refuse.
func (s scope) secretKey(ctx context.Context, path *field.Path, prefix string, ref *v1alpha1.SecretKeySelector) field.ErrorList {
	if ref.Name == "" || empty(ref.Key) {
		return nil
	}
	data, err := s.Objects.Secret(ctx, s.namespace, ref.Name, *ref.Key)
	_, found := data[*ref.Key]
	return s.key(path, prefix, "secret", ref.Name, *ref.Key, found, err)
}

// configMapKey is secretKey for a ConfigMap.
func (s scope) configMapKey(ctx context.Context, path *field.Path, prefix string, ref *v1alpha1.ConfigMapKeySelector) field.ErrorList {
	if ref.Name == "" || empty(ref.Key) {
		return nil
	}
	data, err := s.Objects.ConfigMap(ctx, s.namespace, ref.Name, *ref.Key)
	_, found := data[*ref.Key]
	return s.key(path, prefix, "configMap", ref.Name, *ref.Key, found, err)
}

func (s scope) key(path *field.Path, prefix, kind, name, key string, found bool, err error) field.ErrorList {
	switch {
	case errors.Is(err, ErrUnreadable):
		return nil
	case errors.Is(err, ErrNotForUser):
		return field.ErrorList{unusable(path.Child("name"), prefix, kind, s.namespace, name, key)}
	case apierrors.IsNotFound(err):
		return field.ErrorList{field.Invalid(path.Child("name"), name,
			fmt.Sprintf("%s%s '%s' does not exist in namespace '%s': create it first", prefix, kind, name, s.namespace))}
	case err != nil:
		return field.ErrorList{field.InternalError(path, fmt.Errorf("read the %s %s: %s", kind, name, withoutContent(err)))}
	case !found:
		return field.ErrorList{field.Invalid(path.Child("key"), key,
			fmt.Sprintf("%skey '%s' not found in %s '%s' in namespace '%s'", prefix, key, kind, name, s.namespace))}
	}
	return nil
}

// unusableReference starts the origin of the faults for which IsUnusableReference holds.
const unusableReference = "reference to "

// unusable is the fault of a reference to an object that the user may not get. It is the same
// whether or not the object exists and whatever it holds.
func unusable(path *field.Path, prefix, kind, namespace, name, key string) *field.Error {
	return field.Invalid(path, name, fmt.Sprintf("%s%s '%s' cannot be used in namespace '%s': it must exist, have the key '%s', and you need the right to get it",
		prefix, kind, name, namespace, key)).WithOrigin(unusableReference + kind + "/" + name + "/" + key)
}

// SameUnusableReference reports whether two faults are about the same key of the same Secret or
// ConfigMap, which the user may not get, perhaps in different places of an object.
func SameUnusableReference(a, b *field.Error) bool {
	return a.Origin == b.Origin && strings.HasPrefix(a.Origin, unusableReference)
}

// withoutContent describes the failure of a read. The text of an error may quote what was read, so
// only texts of the network, of the context and of the rules' own readers pass.
func withoutContent(err error) string {
	var network *url.Error
	var own *ReadError
	switch {
	case errors.As(err, &own), errors.As(err, &network), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err.Error()
	}
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	return "the answer could not be read"
}

// exists returns a fault at path with the given words unless an object of this
// group exists.
func (s scope) exists(ctx context.Context, path *field.Path, resource, name, missing string) field.ErrorList {
	_, err := s.Objects.Ark(ctx, resource, s.namespace, name)
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return field.ErrorList{field.Invalid(path, name, missing)}
	default:
		return field.ErrorList{field.InternalError(path, fmt.Errorf("read %s %s: %w", resource, name, err))}
	}
}

func empty(s *string) bool { return s == nil || *s == "" }
