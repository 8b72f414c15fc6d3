package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/registration"
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

// kinds has every kind of the version.
func kinds() []registration.Kind {
	return []registration.Kind{
		{Object: &A2ATask{}, List: &A2ATaskList{}, Fields: []string{"status.phase", "spec.queryRef.name", "spec.agentRef.name"}},
		{Object: &Agent{}, List: &AgentList{}, Fields: []string{"spec.modelRef.name", "spec.executionEngine.name", "status.conditions.Available"}},
		{Object: &ArkConfig{}, List: &ArkConfigList{}, ClusterScoped: true},
		{Object: &MCPServer{}, List: &MCPServerList{}, Fields: []string{"status.conditions.Available", "status.conditions.Discovering"}},
		{Object: &Memory{}, List: &MemoryList{}, Fields: []string{"status.phase"}},
		{Object: &Model{}, List: &ModelList{}, Fields: []string{"spec.provider", "spec.type", "status.conditions.ModelAvailable"}},
		{Object: &Query{}, List: &QueryList{}, Fields: []string{"status.phase", "spec.target.name", "spec.target.type", "spec.sessionId", "spec.conversationId"}},
		{Object: &Team{}, List: &TeamList{}, Fields: []string{"spec.strategy", "status.conditions.Available"}},
		{Object: &Tool{}, List: &ToolList{}, Fields: []string{"spec.type"}},
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
