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

// kinds has every kind of the version.
func kinds() []registration.Kind {
	return []registration.Kind{
		{Object: &A2AServer{}, List: &A2AServerList{}, Fields: []string{"status.conditions.Ready", "status.conditions.Discovering"}},
		{Object: &ExecutionEngine{}, List: &ExecutionEngineList{}, Fields: []string{"status.phase"}},
	}
}

func addKnownTypes(s *runtime.Scheme) error {
	registration.AddTypes(s, SchemeGroupVersion, kinds())
	return nil
}

func addFieldLabelConversions(s *runtime.Scheme) error {
	return registration.AddFieldSelectors(s, SchemeGroupVersion, kinds())
}

func addDefaultingFuncs(s *runtime.Scheme) error {
	return RegisterDefaults(s)
}
