package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Agent is a prompt with a model and tools, able to answer queries.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type Agent struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the agent is.
	Spec AgentSpec `json:"spec,omitempty"`
	// What the controller has found out about it.
	//
	// +k8s:optional
	Status *AgentStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *Agent) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Agent) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Agent) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Agent) Plain() any {
	type plain Agent
	return (*plain)(o)
}

// AgentSpec describes an agent.
type AgentSpec struct {
	// Instructions to the model. May refer to parameters as {{.name}}.
	//
	// +k8s:optional
	Prompt *string `json:"prompt,omitempty"`

	// What the agent is good for. Teams choose members by it.
	//
	// +k8s:optional
	Description *string `json:"description,omitempty"`

	// The Model that answers.
	//
	// +k8s:optional
	ModelRef *ResourceReference `json:"modelRef,omitempty"`

	// The ExecutionEngine that runs the agent, if not Ark itself.
	//
	// +k8s:optional
	ExecutionEngine *ResourceReference `json:"executionEngine,omitempty"`

	// The tools that the agent may call.
	//
	// +optional
	Tools []AgentTool `json:"tools,omitzero"`

	// Values for the prompt's templates.
	//
	// +optional
	Parameters []Parameter `json:"parameters,omitzero"`

	// JSON schema that the agent's answer has to follow.
	//
	// +k8s:optional
	// +k8s:opaqueType
	OutputSchema *JSONObject `json:"outputSchema,omitempty"`

	// HTTP headers for the requests to models and MCP servers.
	//
	// +optional
	Overrides []Override `json:"overrides,omitzero"`
}

// AgentStatus is the observed state of an agent.
type AgentStatus struct {
	// The condition Available tells whether everything that the agent needs
	// exists.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitzero"`
}

// AgentList is a list of agents.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type AgentList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The agents.
	Items []Agent `json:"items"`
}
