package v1prealpha1

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// selectableFields are the fields that field selectors of each kind accept. A
// selector works only if the registry's attribute function returns the same
// field, so both change together.
//
// status.conditions.X stands for the status of the condition of type X.
var selectableFields = map[string][]string{
	"A2AServer":       {"metadata.name", "metadata.namespace", "status.conditions.Ready", "status.conditions.Discovering"},
	"ExecutionEngine": {"metadata.name", "metadata.namespace", "status.phase"},
}

func addFieldLabelConversions(s *runtime.Scheme) error {
	for kind, fields := range selectableFields {
		if err := s.AddFieldLabelConversionFunc(SchemeGroupVersion.WithKind(kind), acceptFields(kind, fields)); err != nil {
			return fmt.Errorf("register field selectors of %s: %w", kind, err)
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
