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

// Kinds returns every kind of the version. A kind comes after those that own its objects or
// that they name.
func Kinds() []registration.Kind {
	return []registration.Kind{
		registration.Of[ArkConfig, ArkConfigList](SchemeGroupVersion, registration.Kind{
			Plural: "arkconfigs", ShortNames: []string{"akc"}, ClusterScoped: true,
		}),
		registration.Of[Memory, MemoryList](SchemeGroupVersion, registration.Kind{
			Plural: "memories", ShortNames: []string{"mem"},
			Selectable: []string{"status.phase"},
		}),
		registration.Of[Model, ModelList](SchemeGroupVersion, registration.Kind{
			Plural: "models", ShortNames: []string{"mdl"},
			Selectable: []string{"spec.provider", "spec.type", "status.conditions.ModelAvailable"},
		}),
		registration.Of[MCPServer, MCPServerList](SchemeGroupVersion, registration.Kind{
			Plural: "mcpservers", ShortNames: []string{"mcp"},
			Selectable: []string{"status.conditions.Available", "status.conditions.Discovering"},
		}),
		registration.Of[Tool, ToolList](SchemeGroupVersion, registration.Kind{
			Plural: "tools", ShortNames: []string{"tl"},
			Selectable: []string{"spec.type"},
		}),
		registration.Of[Agent, AgentList](SchemeGroupVersion, registration.Kind{
			Plural: "agents", ShortNames: []string{"ag"},
			Selectable: []string{"spec.modelRef.name", "spec.executionEngine.name", "status.conditions.Available"},
		}),
		registration.Of[Team, TeamList](SchemeGroupVersion, registration.Kind{
			Plural: "teams", ShortNames: []string{"tm"},
			Selectable: []string{"spec.strategy", "status.conditions.Available"},
		}),
		registration.Of[Query, QueryList](SchemeGroupVersion, registration.Kind{
			Plural: "queries", ShortNames: []string{"qry"},
			Selectable: []string{"status.phase", "spec.target.name", "spec.target.type", "spec.sessionId", "spec.conversationId"},
		}),
		registration.Of[A2ATask, A2ATaskList](SchemeGroupVersion, registration.Kind{
			Plural: "a2atasks", ShortNames: []string{"a2at"},
			Selectable: []string{"status.phase", "spec.queryRef.name", "spec.agentRef.name"},
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
