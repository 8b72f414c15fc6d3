package install

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// Kind is what the API calls one kind, and its Go types. Values are immutable and safe for
// concurrent use.
type Kind struct {
	// GroupVersion is the one version in which the kind is served and stored.
	GroupVersion schema.GroupVersion
	// Name is the kind as in "kind: Agent".
	Name string
	// Plural and Singular are the resource's names: "agents", "agent".
	Plural, Singular string
	// ShortNames are what kubectl accepts in place of Plural.
	ShortNames []string
	// ClusterScoped kinds have no namespace.
	ClusterScoped bool
	// New and NewList return an empty object and an empty list.
	New, NewList func() runtime.Object
}

// Resource returns the group and plural name.
func (k Kind) Resource() schema.GroupResource {
	return k.GroupVersion.WithResource(k.Plural).GroupResource()
}

// GroupVersionKind returns the kind in its version.
func (k Kind) GroupVersionKind() schema.GroupVersionKind {
	return k.GroupVersion.WithKind(k.Name)
}

// Kinds returns all kinds of the API. A kind comes after those that own its objects or that they name: in this order
// objects can be moved while a garbage collector watches.
func Kinds() []Kind {
	return []Kind{
		ArkConfig(), Memory(), Model(), MCPServer(), A2AServer(), ExecutionEngine(), Tool(), Agent(), Team(), Query(), A2ATask(),
	}
}

// object is satisfied by the pointer to an API type, or to its list type.
type object[T any] interface {
	*T
	runtime.Object
}

// typed returns a Kind that makes objects of type T and lists of type L.
func typed[T, L any, P object[T], Q object[L]](k Kind) Kind {
	k.New = func() runtime.Object { return P(new(T)) }
	k.NewList = func() runtime.Object { return Q(new(L)) }
	return k
}

// Agent returns the kind of agents.
func Agent() Kind {
	return typed[v1alpha1.Agent, v1alpha1.AgentList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "Agent", Plural: "agents", Singular: "agent", ShortNames: []string{"ag"},
	})
}

// ArkConfig returns the kind of the configuration of a whole cluster.
func ArkConfig() Kind {
	return typed[v1alpha1.ArkConfig, v1alpha1.ArkConfigList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "ArkConfig", Plural: "arkconfigs", Singular: "arkconfig", ShortNames: []string{"akc"},
		ClusterScoped: true,
	})
}

// A2ATask returns the kind of tasks of A2A servers.
func A2ATask() Kind {
	return typed[v1alpha1.A2ATask, v1alpha1.A2ATaskList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "A2ATask", Plural: "a2atasks", Singular: "a2atask", ShortNames: []string{"a2at"},
	})
}

// MCPServer returns the kind of MCP servers.
func MCPServer() Kind {
	return typed[v1alpha1.MCPServer, v1alpha1.MCPServerList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "MCPServer", Plural: "mcpservers", Singular: "mcpserver", ShortNames: []string{"mcp"},
	})
}

// Memory returns the kind of memories.
func Memory() Kind {
	return typed[v1alpha1.Memory, v1alpha1.MemoryList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "Memory", Plural: "memories", Singular: "memory", ShortNames: []string{"mem"},
	})
}

// Model returns the kind of models.
func Model() Kind {
	return typed[v1alpha1.Model, v1alpha1.ModelList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "Model", Plural: "models", Singular: "model", ShortNames: []string{"mdl"},
	})
}

// Query returns the kind of queries.
func Query() Kind {
	return typed[v1alpha1.Query, v1alpha1.QueryList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "Query", Plural: "queries", Singular: "query", ShortNames: []string{"qry"},
	})
}

// Team returns the kind of teams.
func Team() Kind {
	return typed[v1alpha1.Team, v1alpha1.TeamList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "Team", Plural: "teams", Singular: "team", ShortNames: []string{"tm"},
	})
}

// Tool returns the kind of tools.
func Tool() Kind {
	return typed[v1alpha1.Tool, v1alpha1.ToolList](Kind{
		GroupVersion: v1alpha1.SchemeGroupVersion,
		Name:         "Tool", Plural: "tools", Singular: "tool", ShortNames: []string{"tl"},
	})
}

// A2AServer returns the kind of A2A servers.
func A2AServer() Kind {
	return typed[v1prealpha1.A2AServer, v1prealpha1.A2AServerList](Kind{
		GroupVersion: v1prealpha1.SchemeGroupVersion,
		Name:         "A2AServer", Plural: "a2aservers", Singular: "a2aserver", ShortNames: []string{"a2as"},
	})
}

// ExecutionEngine returns the kind of execution engines.
func ExecutionEngine() Kind {
	return typed[v1prealpha1.ExecutionEngine, v1prealpha1.ExecutionEngineList](Kind{
		GroupVersion: v1prealpha1.SchemeGroupVersion,
		Name:         "ExecutionEngine", Plural: "executionengines", Singular: "executionengine", ShortNames: []string{"ee"},
	})
}
