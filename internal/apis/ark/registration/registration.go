package registration

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark"
)

// AddTypes registers every Go type twice: under its version, and under
// the internal version that the API machinery decodes to. One version needs no
// conversion, so it is its own hub.
func AddTypes(s *runtime.Scheme, version schema.GroupVersion, kinds []Kind) {
	internal := schema.GroupVersion{Group: ark.GroupName, Version: runtime.APIVersionInternal}
	for _, kind := range kinds {
		s.AddKnownTypes(version, kind.New(), kind.NewList())
		s.AddKnownTypes(internal, kind.New(), kind.NewList())
	}
	metav1.AddToGroupVersion(s, version)
}

// AddFieldSelectors registers which fields selectors accept of each kind.
func AddFieldSelectors(s *runtime.Scheme, version schema.GroupVersion, kinds []Kind) error {
	for _, kind := range kinds {
		fields := []string{"metadata.name"}
		if !kind.ClusterScoped {
			fields = append(fields, "metadata.namespace")
		}
		fields = append(fields, kind.Selectable...)
		if err := s.AddFieldLabelConversionFunc(version.WithKind(kind.Name), acceptFields(kind.Name, fields)); err != nil {
			return fmt.Errorf("register field selectors of %s: %w", kind.Name, err)
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
