package rules

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// baseURL checks that a model's URL can be found out, and what it is.
func (s scope) baseURL(ctx context.Context, path *field.Path, source *v1alpha1.ValueSource) field.ErrorList {
	errs := s.address(ctx, path, source)
	if len(errs) > 0 || source == nil {
		return errs
	}
	text, known := s.resolve(ctx, source)
	if !known {
		return nil
	}
	fault := s.ModelURLs.Check(text)
	if fault == "" {
		return nil
	}
	shown := text
	if empty(source.Value) && source.ValueFrom.ServiceRef == nil {
		// Neither the value nor what is wrong with it may show: it may be secret.
		shown, fault = "(from valueFrom)", "the value that it refers to "+s.ModelURLs.Rule()
	}
	return field.ErrorList{field.Invalid(path, shown, fault)}
}

// resolve returns the text that a source stands for, if that is known before a
// query runs.
func (s scope) resolve(ctx context.Context, source *v1alpha1.ValueSource) (string, bool) {
	if !empty(source.Value) {
		return *source.Value, true
	}
	switch from := source.ValueFrom; {
	case from == nil:
		return "", false
	case from.SecretKeyRef != nil && from.SecretKeyRef.Key != nil:
		data, err := s.Objects.Secret(ctx, s.namespace, from.SecretKeyRef.Name, *from.SecretKeyRef.Key)
		text, found := data[*from.SecretKeyRef.Key]
		return string(text), err == nil && found
	case from.ConfigMapKeyRef != nil && from.ConfigMapKeyRef.Key != nil:
		data, err := s.Objects.ConfigMap(ctx, s.namespace, from.ConfigMapKeyRef.Name, *from.ConfigMapKeyRef.Key)
		text, found := data[*from.ConfigMapKeyRef.Key]
		return text, err == nil && found
	case from.ServiceRef != nil:
		return serviceURL(s.namespace, from.ServiceRef), true
	}
	return "", false
}

// serviceURL is the address of a Service as far as it is known without reading
// it: the port goes in as it is written.
func serviceURL(namespace string, ref *v1alpha1.ServiceReference) string {
	if !empty(ref.Namespace) {
		namespace = *ref.Namespace
	}
	scheme, port := "http", ""
	if !empty(ref.Port) {
		port = ":" + *ref.Port
		if *ref.Port == "443" {
			scheme = "https"
		}
	}
	address := fmt.Sprintf("%s://%s.%s.svc.cluster.local", scheme, value(ref.Name), namespace)
	if strings.Trim(strings.TrimPrefix(port, ":"), "0123456789") == "" {
		address += port // the name of a port is no part of a URL
	}
	return address + value(ref.Path)
}
