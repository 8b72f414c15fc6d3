package v1alpha1

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
)

// addFieldLabelConversions names the field selectors that each kind accepts.
// A selector works only if the registry's attribute function returns the same
// field, so both change together.
func addFieldLabelConversions(s *runtime.Scheme) error {
	for _, kind := range []string{
		"A2ATask", "Agent", "ArkConfig", "MCPServer", "Memory", "Model", "Query", "Team", "Tool",
	} {
		gvk := SchemeGroupVersion.WithKind(kind)
		if err := s.AddFieldLabelConversionFunc(gvk, selectMetadata(kind)); err != nil {
			return fmt.Errorf("register field selectors of %s: %w", kind, err)
		}
	}
	return nil
}

// selectMetadata accepts metadata.name and, for kinds in namespaces,
// metadata.namespace.
func selectMetadata(kind string) runtime.FieldLabelConversionFunc {
	return func(label, value string) (string, string, error) {
		switch {
		case label == "metadata.name", label == "metadata.namespace" && kind != "ArkConfig":
			return label, value, nil
		case kind == "ArkConfig":
			return "", "", fmt.Errorf("field selector %q is not supported for %s: use metadata.name", label, kind)
		default:
			return "", "", fmt.Errorf("field selector %q is not supported for %s: use metadata.name or metadata.namespace", label, kind)
		}
	}
}
