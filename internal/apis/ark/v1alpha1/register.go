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

// registration is what the scheme knows of a kind.
//
// +k8s:openapi-gen=false
type registration struct {
	object, list runtime.Object
	// clusterScoped kinds have no namespace.
	clusterScoped bool
	// fields are those that field selectors accept beside the name and the namespace; status.conditions.X stands for the
	// status of the condition of type X. A selector works only if the kind's definition in the registry has the same field.
	fields []string
}

// kinds has every kind of the version.
func kinds() []registration {
	return []registration{
		{object: &A2ATask{}, list: &A2ATaskList{}, fields: []string{"status.phase", "spec.queryRef.name", "spec.agentRef.name"}},
		{object: &Agent{}, list: &AgentList{}, fields: []string{"spec.modelRef.name", "spec.executionEngine.name", "status.conditions.Available"}},
		{object: &ArkConfig{}, list: &ArkConfigList{}, clusterScoped: true},
		{object: &MCPServer{}, list: &MCPServerList{}, fields: []string{"status.conditions.Available", "status.conditions.Discovering"}},
		{object: &Memory{}, list: &MemoryList{}, fields: []string{"status.phase"}},
		{object: &Model{}, list: &ModelList{}, fields: []string{"spec.provider", "spec.type", "status.conditions.ModelAvailable"}},
		{object: &Query{}, list: &QueryList{}, fields: []string{"status.phase", "spec.target.name", "spec.target.type", "spec.sessionId", "spec.conversationId"}},
		{object: &Team{}, list: &TeamList{}, fields: []string{"spec.strategy", "status.conditions.Available"}},
		{object: &Tool{}, list: &ToolList{}, fields: []string{"spec.type"}},
	}
}

// addKnownTypes registers every Go type twice: under its version, and under
// the internal version that the API machinery decodes to. One version needs no
// conversion, so it is its own hub.
func addKnownTypes(s *runtime.Scheme) error {
	internal := schema.GroupVersion{Group: ark.GroupName, Version: runtime.APIVersionInternal}
	for _, kind := range kinds() {
		s.AddKnownTypes(SchemeGroupVersion, kind.object, kind.list)
		s.AddKnownTypes(internal, kind.object, kind.list)
	}
	metav1.AddToGroupVersion(s, SchemeGroupVersion)
	return nil
}

func addDefaultingFuncs(s *runtime.Scheme) error {
	return RegisterDefaults(s)
}
