package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// A2ATask is a task that an A2A server runs for a query.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type A2ATask struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the server was asked to do.
	Spec A2ATaskSpec `json:"spec,omitempty"`
	// How far it is.
	//
	// +k8s:optional
	Status *A2ATaskStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *A2ATask) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *A2ATask) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *A2ATask) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *A2ATask) Plain() any {
	type plain A2ATask
	return (*plain)(o)
}

// A2ATaskSpec describes a task.
type A2ATaskSpec struct {
	// The Query that the task serves.
	//
	// +required
	// +k8s:required
	QueryRef *ResourceReference `json:"queryRef,omitempty"`

	// The A2AServer that runs the task. A task without one carries the approval
	// of tool calls by a person.
	//
	// +k8s:optional
	A2AServerRef *A2AServerReference `json:"a2aServerRef,omitempty"`

	// The Agent through which the server was asked.
	//
	// +required
	// +k8s:required
	AgentRef *A2ATaskAgentReference `json:"agentRef,omitempty"`

	// The server's identifier for the task.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	TaskID string `json:"taskId,omitempty"`

	// The server's identifier for the conversation.
	//
	// +k8s:optional
	ContextID *string `json:"contextId,omitempty"`

	// What the server was asked.
	//
	// +k8s:optional
	Input *string `json:"input,omitempty"`

	// Further arguments for the server.
	//
	// +optional
	Parameters map[string]string `json:"parameters,omitzero"`

	// Tasks with a higher number are more urgent.
	//
	// +optional
	// +default=0
	Priority int32 `json:"priority"`

	// How long the task may take.
	//
	// +k8s:optional
	// +default="12h"
	Timeout *Duration `json:"timeout,omitempty"`

	// How long the task is kept after it has ended.
	//
	// +k8s:optional
	// +default="720h"
	TTL *Duration `json:"ttl,omitempty"`

	// How often the controller asks the server how far the task is.
	//
	// +k8s:optional
	// +default="5s"
	PollInterval *Duration `json:"pollInterval,omitempty"`
}

// A2AServerReference names an A2A server. An empty one names none, as an absent
// one does.
type A2AServerReference struct {
	// Name of the A2AServer.
	//
	// +k8s:optional
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name *string `json:"name,omitempty"`

	// Namespace of the A2AServer, if it is another one.
	//
	// +k8s:optional
	Namespace *string `json:"namespace,omitempty"`
}

// A2ATaskAgentReference names the agent through which a server was asked.
type A2ATaskAgentReference struct {
	// Name of the agent.
	//
	// +k8s:optional
	Name *string `json:"name,omitempty"`

	// Namespace of the agent, if it is another one.
	//
	// +k8s:optional
	Namespace *string `json:"namespace,omitempty"`
}

// A2ATaskList is a list of tasks.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type A2ATaskList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The tasks.
	Items []A2ATask `json:"items"`
}
