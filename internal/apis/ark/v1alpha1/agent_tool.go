package v1alpha1

// AgentToolType is how an agent's tool is provided.
//
// +enum
// +k8s:enum
type AgentToolType string

const (
	// AgentToolBuiltInLegacy is a tool of Ark itself, the older spelling.
	AgentToolBuiltInLegacy AgentToolType = "built-in"
	// AgentToolCustom is any Tool object. Newer manifests name its type.
	AgentToolCustom AgentToolType = "custom"
	// AgentToolMCP is a Tool of an MCP server.
	AgentToolMCP AgentToolType = "mcp"
	// AgentToolHTTP is a Tool that calls a URL.
	AgentToolHTTP AgentToolType = "http"
	// AgentToolAgent is a Tool that asks another agent.
	AgentToolAgent AgentToolType = "agent"
	// AgentToolTeam is a Tool that asks a team.
	AgentToolTeam AgentToolType = "team"
	// AgentToolBuiltIn is a tool of Ark itself.
	AgentToolBuiltIn AgentToolType = "builtin"
)

// AgentTool is a tool that an agent may call.
type AgentTool struct {
	// How the tool is provided.
	//
	// +required
	// +k8s:required
	Type AgentToolType `json:"type,omitempty"`

	// Name under which the model sees the tool; also the name of the Tool
	// object, unless partial names another.
	//
	// +k8s:optional
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name *string `json:"name,omitempty"`

	// What the tool does, in place of the Tool's own description.
	//
	// +k8s:optional
	Description *string `json:"description,omitempty"`

	// Functions that shape the tool's result before the model sees it.
	//
	// +optional
	Functions []ToolFunction `json:"functions,omitzero"`

	// The Tool to call with some of its arguments already filled in.
	//
	// +k8s:optional
	Partial *ToolPartial `json:"partial,omitempty"`

	// When a person has to approve a call.
	//
	// +k8s:optional
	Approval *ToolApproval `json:"approval,omitempty"`
}

// ToolFunction is a named function with its argument.
type ToolFunction struct {
	// Name of the function.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name string `json:"name,omitempty"`

	// The argument itself.
	//
	// +k8s:optional
	Value *string `json:"value,omitempty"`

	// Where to take the argument from.
	//
	// +k8s:optional
	ValueFrom *ValueFromSource `json:"valueFrom,omitempty"`
}

// ToolPartial fills in arguments of a Tool, which the model then no longer
// sees.
type ToolPartial struct {
	// Name of the Tool object.
	//
	// +k8s:optional
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name *string `json:"name,omitempty"`

	// The arguments that are filled in.
	//
	// +optional
	Parameters []Parameter `json:"parameters,omitzero"`
}
