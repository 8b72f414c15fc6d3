package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark"
)

// SchemeGroupVersion is the group and version of the kinds in this package.
var SchemeGroupVersion = schema.GroupVersion{Group: ark.GroupName, Version: "v1alpha1"}

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

// kinds lists one object and one list per kind.
func kinds() []runtime.Object {
	return []runtime.Object{
		&A2ATask{}, &A2ATaskList{},
		&Agent{}, &AgentList{},
		&ArkConfig{}, &ArkConfigList{},
		&MCPServer{}, &MCPServerList{},
		&Memory{}, &MemoryList{},
		&Model{}, &ModelList{},
		&Query{}, &QueryList{},
		&Team{}, &TeamList{},
		&Tool{}, &ToolList{},
	}
}

// addKnownTypes registers every Go type twice: under its version, and under
// the internal version that the API machinery decodes to. One version needs no
// conversion, so it is its own hub.
func addKnownTypes(s *runtime.Scheme) error {
	internal := schema.GroupVersion{Group: ark.GroupName, Version: runtime.APIVersionInternal}
	s.AddKnownTypes(SchemeGroupVersion, kinds()...)
	s.AddKnownTypes(internal, kinds()...)
	metav1.AddToGroupVersion(s, SchemeGroupVersion)
	return nil
}

func addDefaultingFuncs(s *runtime.Scheme) error {
	return RegisterDefaults(s)
}
