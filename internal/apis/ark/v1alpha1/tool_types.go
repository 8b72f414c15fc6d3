package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Tool is something that agents can call.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type Tool struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the tool does.
	Spec ToolSpec `json:"spec,omitempty"`
	// What the controller has found out about it.
	//
	// +k8s:optional
	Status *ToolStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *Tool) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Tool) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Tool) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Tool) Plain() any {
	type plain Tool
	return (*plain)(o)
}

// ToolType is how a tool does its work. The part of the spec with the same
// name holds the details.
//
// +enum
// +k8s:enum
type ToolType string

const (
	// ToolHTTP calls a URL.
	ToolHTTP ToolType = "http"
	// ToolMCP calls a tool of an MCP server.
	ToolMCP ToolType = "mcp"
	// ToolAgent asks an agent.
	ToolAgent ToolType = "agent"
	// ToolTeam asks a team.
	ToolTeam ToolType = "team"
	// ToolBuiltIn runs inside Ark.
	ToolBuiltIn ToolType = "builtin"
	// ToolInline runs a script that the Tool itself holds.
	ToolInline ToolType = "inline"
)

// ToolSpec describes a tool.
type ToolSpec struct {
	// How the tool does its work.
	//
	// +required
	// +k8s:required
	Type ToolType `json:"type,omitempty"`

	// What the tool does. Models choose tools by it.
	//
	// +k8s:optional
	Description *string `json:"description,omitempty"`

	// JSON schema of the tool's arguments.
	//
	// +k8s:optional
	// +k8s:opaqueType
	InputSchema *JSONObject `json:"inputSchema,omitempty"`

	// Hints on what a call can do.
	//
	// +k8s:optional
	Annotations *ToolAnnotations `json:"annotations,omitempty"`

	// When a person has to approve a call.
	//
	// +k8s:optional
	Approval *ToolApproval `json:"approval,omitempty"`

	// For the type http.
	//
	// +k8s:optional
	HTTP *HTTPTool `json:"http,omitempty"`

	// For the type mcp.
	//
	// +k8s:optional
	MCP *MCPTool `json:"mcp,omitempty"`

	// For the type agent: the agent to ask.
	//
	// +k8s:optional
	Agent *LocalReference `json:"agent,omitempty"`

	// For the type team: the team to ask.
	//
	// +k8s:optional
	Team *LocalReference `json:"team,omitempty"`

	// For the type builtin: which one.
	//
	// +k8s:optional
	Builtin *LocalReference `json:"builtin,omitempty"`

	// For the type inline.
	//
	// +k8s:optional
	Inline *InlineTool `json:"inline,omitempty"`
}

// ToolAnnotations are hints on what a call can do. They promise nothing.
type ToolAnnotations struct {
	// Whether a call may destroy something.
	//
	// +k8s:optional
	DestructiveHint *bool `json:"destructiveHint,omitempty"`

	// Whether a second call with the same arguments changes nothing more.
	//
	// +k8s:optional
	IdempotentHint *bool `json:"idempotentHint,omitempty"`

	// Whether the tool deals with the world outside, such as the web.
	//
	// +k8s:optional
	OpenWorldHint *bool `json:"openWorldHint,omitempty"`

	// Whether a call only reads.
	//
	// +k8s:optional
	ReadOnlyHint *bool `json:"readOnlyHint,omitempty"`

	// Name of the tool for people.
	//
	// +k8s:optional
	Title *string `json:"title,omitempty"`
}

// ToolStatus is the observed state of a tool.
type ToolStatus struct {
	// Ready, or Pending while an inline tool is being set up.
	//
	// +k8s:optional
	State *string `json:"state,omitempty"`

	// Why the tool is in this state.
	//
	// +k8s:optional
	Message *string `json:"message,omitempty"`

	// Address at which the tool is reached.
	//
	// +k8s:optional
	ResolvedAddress *string `json:"resolvedAddress,omitempty"`

	// The condition Available tells whether the tool can be called.
	//
	// +optional
	// +k8s:optional
	// +listType=map
	// +listMapKey=type
	// +k8s:listType=map
	// +k8s:listMapKey=type
	Conditions []Condition `json:"conditions,omitzero"`
}

// ToolList is a list of tools.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ToolList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The tools.
	Items []Tool `json:"items"`
}
