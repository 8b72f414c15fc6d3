package v1prealpha1

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
)

// addFieldLabelConversions names the field selectors that each kind accepts.
// A selector works only if the registry's attribute function returns the same
// field, so both change together.
func addFieldLabelConversions(s *runtime.Scheme) error {
	for _, kind := range []string{
		"A2AServer", "ExecutionEngine",
	} {
		gvk := SchemeGroupVersion.WithKind(kind)
		if err := s.AddFieldLabelConversionFunc(gvk, selectMetadata(kind)); err != nil {
			return fmt.Errorf("register field selectors of %s: %w", kind, err)
		}
	}
	return nil
}

// selectMetadata accepts metadata.name and metadata.namespace.
func selectMetadata(kind string) runtime.FieldLabelConversionFunc {
	return func(label, value string) (string, string, error) {
		switch label {
		case "metadata.name", "metadata.namespace":
			return label, value, nil
		default:
			return "", "", fmt.Errorf("field selector %q is not supported for %s: use metadata.name or metadata.namespace", label, kind)
		}
	}
}
