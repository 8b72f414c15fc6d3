package objects

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// Values resolves the values of fields of objects in one namespace.
type Values struct {
	From      Reader
	Namespace string
	// Parameter returns the value of a parameter of the query; nil where parameters cannot be
	// referenced.
	Parameter func(ctx context.Context, name string) (string, error)
}

// Value is a field's value.
type Value struct {
	Text string
	// Secret is true if the value comes from a Secret, and must not be shown.
	Secret bool
}

// Source resolves the value of a source. A nil source has no value, and a value that is written in
// the object has precedence.
func (v Values) Source(ctx context.Context, source *v1alpha1.ValueSource) (Value, error) {
	if source == nil {
		return Value{}, nil
	}
	return v.Of(ctx, source.Value, source.ValueFrom)
}

// Source converts a source of v1prealpha1 to v1alpha1.
func Source(of *v1prealpha1.ValueSource) *v1alpha1.ValueSource {
	if of == nil {
		return nil
	}
	out := &v1alpha1.ValueSource{Value: of.Value}
	if from := of.ValueFrom; from != nil {
		out.ValueFrom = &v1alpha1.ValueFromSource{SecretKeyRef: from.SecretKeyRef, ConfigMapKeyRef: from.ConfigMapKeyRef, ServiceRef: from.ServiceRef}
	}
	return out
}

// Header returns the value of a header.
func (v Values) Header(ctx context.Context, h v1alpha1.Header) (Value, error) {
	if h.Value == nil {
		return Value{}, nil
	}
	var from *v1alpha1.ValueFromSource
	if f := h.Value.ValueFrom; f != nil {
		from = &v1alpha1.ValueFromSource{SecretKeyRef: f.SecretKeyRef, ConfigMapKeyRef: f.ConfigMapKeyRef, QueryParameterRef: f.QueryParameterRef}
	}
	value, err := v.Of(ctx, h.Value.Value, from)
	if err != nil {
		return Value{}, fmt.Errorf("header %s: %w", h.Name, err)
	}
	return value, nil
}

// Of returns the given value, or resolves it from its source.
func (v Values) Of(ctx context.Context, value *string, from *v1alpha1.ValueFromSource) (Value, error) {
	switch {
	case value != nil && *value != "":
		return Value{Text: *value}, nil
	case from == nil:
		return Value{}, nil
	case from.SecretKeyRef != nil:
		text, err := v.secret(ctx, from.SecretKeyRef)
		return Value{Text: text, Secret: true}, err
	case from.ConfigMapKeyRef != nil:
		text, err := v.configMap(ctx, from.ConfigMapKeyRef)
		return Value{Text: text}, err
	case from.ServiceRef != nil:
		text, err := v.service(ctx, from.ServiceRef)
		return Value{Text: text}, err
	case from.QueryParameterRef != nil:
		if v.Parameter == nil {
			return Value{}, errors.New("there is no query whose parameter could be referred to")
		}
		text, err := v.Parameter(ctx, from.QueryParameterRef.Name)
		return Value{Text: text, Secret: true}, err // it may be from a Secret
	}
	return Value{}, nil
}

func (v Values) secret(ctx context.Context, ref *v1alpha1.SecretKeySelector) (string, error) {
	secret, err := v.From.Secret(ctx, v.Namespace, ref.Name)
	key := text(ref.Key)
	if err == nil {
		if value, ok := secret.Data[key]; ok {
			return string(value), nil
		}
		err = fmt.Errorf("key '%s' not found in secret '%s' in namespace '%s'", key, ref.Name, v.Namespace)
	} else {
		if apierrors.IsNotFound(err) && optional(ref.Optional) {
			return "", nil
		}
		return "", fmt.Errorf("read secret '%s' in namespace '%s': %w", ref.Name, v.Namespace, err)
	}
	if optional(ref.Optional) {
		return "", nil
	}
	return "", err
}

func (v Values) configMap(ctx context.Context, ref *v1alpha1.ConfigMapKeySelector) (string, error) {
	configMap, err := v.From.ConfigMap(ctx, v.Namespace, ref.Name)
	if err != nil {
		if apierrors.IsNotFound(err) && optional(ref.Optional) {
			return "", nil
		}
		return "", fmt.Errorf("read configMap '%s' in namespace '%s': %w", ref.Name, v.Namespace, err)
	}
	value, ok := configMap.Data[text(ref.Key)]
	if !ok && !optional(ref.Optional) {
		return "", fmt.Errorf("key '%s' not found in configMap '%s' in namespace '%s'", text(ref.Key), ref.Name, v.Namespace)
	}
	return value, nil
}

// service returns the URL of a Service: its cluster DNS name, or its externalName.
func (v Values) service(ctx context.Context, ref *v1alpha1.ServiceReference) (string, error) {
	name, namespace := text(ref.Name), text(ref.Namespace)
	if namespace == "" {
		namespace = v.Namespace
	}
	service, err := v.From.Service(ctx, namespace, name)
	if err != nil {
		return "", fmt.Errorf("read service '%s' in namespace '%s': %w", name, namespace, err)
	}
	port, err := servicePort(service, text(ref.Port))
	if err != nil {
		return "", err
	}
	host := name + "." + namespace + ".svc.cluster.local"
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		host = service.Spec.ExternalName
	}
	path := text(ref.Path)
	if path != "" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return "http://" + net.JoinHostPort(host, port) + path, nil
}

// servicePort finds a port by name or number; "" selects the first one.
func servicePort(service *corev1.Service, want string) (string, error) {
	for _, p := range service.Spec.Ports {
		number := strconv.Itoa(int(p.Port))
		if want == "" || p.Name == want || number == want {
			return number, nil
		}
	}
	return "", fmt.Errorf("service '%s' in namespace '%s' has no port '%s'", service.Name, service.Namespace, want)
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

func optional(value *bool) bool { return value != nil && *value }
