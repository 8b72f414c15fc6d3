package v1prealpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/registration"
)

// SchemeGroupVersion is the group and version of the kinds in this package.
var SchemeGroupVersion = schema.GroupVersion{Group: ark.GroupName, Version: "v1prealpha1"}

var (
	// SchemeBuilder collects what AddToScheme registers.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes, addDefaultingFuncs, addFieldLabelConversions)
	// localSchemeBuilder is the name under which the generated validation
	// adds itself.
	localSchemeBuilder = &SchemeBuilder
	// AddToScheme registers the kinds, their defaults, their validation and
	// their field selectors.
	AddToScheme = SchemeBuilder.AddToScheme
)

// Resource qualifies a resource name with the group.
func Resource(resource string) schema.GroupResource {
	return SchemeGroupVersion.WithResource(resource).GroupResource()
}

// Kinds returns every kind of the version. A kind comes after those that own its objects or
// that they name.
func Kinds() []registration.Kind {
	return []registration.Kind{
		registration.Of[A2AServer, A2AServerList](SchemeGroupVersion, registration.Kind{
			Plural: "a2aservers", ShortNames: []string{"a2as"},
			Selectable: []string{"status.conditions.Ready", "status.conditions.Discovering"},
		}),
		registration.Of[ExecutionEngine, ExecutionEngineList](SchemeGroupVersion, registration.Kind{
			Plural: "executionengines", ShortNames: []string{"ee"},
			Selectable: []string{"status.phase"},
		}),
	}
}

func addKnownTypes(s *runtime.Scheme) error {
	registration.AddTypes(s, SchemeGroupVersion, Kinds())
	return nil
}

func addFieldLabelConversions(s *runtime.Scheme) error {
	return registration.AddFieldSelectors(s, SchemeGroupVersion, Kinds())
}

func addDefaultingFuncs(s *runtime.Scheme) error {
	return RegisterDefaults(s)
}
