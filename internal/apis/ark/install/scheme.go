package install

import (
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// NewScheme returns a scheme that can serve and store the Ark kinds.
//
// No kind exists in two versions, so each type doubles as its own internal
// version (the API packages register it as both), which the API machinery
// converts through for patches and server-side apply.
func NewScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	builder := runtime.SchemeBuilder{v1alpha1.AddToScheme, v1prealpha1.AddToScheme}
	if err := builder.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register the Ark types: %w", err)
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	if err := scheme.SetVersionPriority(v1alpha1.SchemeGroupVersion, v1prealpha1.SchemeGroupVersion); err != nil {
		return nil, fmt.Errorf("order the Ark versions: %w", err)
	}
	return scheme, nil
}

// External returns a scheme with the versions of another that clients see.
// OpenAPI names are derived from it: with the hub in it, every kind would be
// published as being of version __internal too.
func External(scheme *runtime.Scheme) *runtime.Scheme {
	external := runtime.NewScheme()
	for gvk, t := range scheme.AllKnownTypes() {
		if gvk.Version == runtime.APIVersionInternal {
			continue
		}
		if obj, ok := reflect.New(t).Interface().(runtime.Object); ok {
			external.AddKnownTypeWithName(gvk, obj)
		}
	}
	return external
}
