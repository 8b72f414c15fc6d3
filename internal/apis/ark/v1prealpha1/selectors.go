package v1prealpha1

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

func addFieldLabelConversions(s *runtime.Scheme) error {
	for _, kind := range kinds() {
		name := reflect.TypeOf(kind.object).Elem().Name()
		fields := []string{"metadata.name"}
		if !kind.clusterScoped {
			fields = append(fields, "metadata.namespace")
		}
		fields = append(fields, kind.fields...)
		if err := s.AddFieldLabelConversionFunc(SchemeGroupVersion.WithKind(name), acceptFields(name, fields)); err != nil {
			return fmt.Errorf("register field selectors of %s: %w", name, err)
		}
	}
	return nil
}

func acceptFields(kind string, fields []string) runtime.FieldLabelConversionFunc {
	return func(label, value string) (string, string, error) {
		if slices.Contains(fields, label) {
			return label, value, nil
		}
		return "", "", fmt.Errorf("field selector %q is not supported for %s: use one of %s", label, kind, strings.Join(fields, ", "))
	}
}
