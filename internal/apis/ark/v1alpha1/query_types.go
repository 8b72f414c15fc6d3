package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Query is a question to an agent, team, model or tool, and its answer.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type Query struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// The question.
	Spec QuerySpec `json:"spec,omitempty"`
	// The answer and how far it is.
	//
	// +k8s:optional
	Status *QueryStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *Query) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Query) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Query) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Query) Plain() any {
	type plain Query
	return (*plain)(o)
}

// QueryType is the form of a query's input.
//
// +enum
// +k8s:enum
type QueryType string

const (
	// QueryTypeUser means that the input is one message of a user.
	QueryTypeUser QueryType = "user"
)

// QueryTargetType is a kind that can answer queries.
//
// +enum
// +k8s:enum
type QueryTargetType string

const (
	// QueryTargetAgent is an Agent.
	QueryTargetAgent QueryTargetType = "agent"
	// QueryTargetTeam is a Team.
	QueryTargetTeam QueryTargetType = "team"
	// QueryTargetModel is a Model, asked directly.
	QueryTargetModel QueryTargetType = "model"
	// QueryTargetTool is a Tool, called directly.
	QueryTargetTool QueryTargetType = "tool"
)

// QuerySpec is a question.
type QuerySpec struct {
	// The question, usually a text. May refer to parameters as {{.name}}.
	//
	// +required
	// +k8s:opaqueType
	Input JSON `json:"input,omitzero"`

	// The form of the input.
	//
	// +k8s:optional
	// +default="user"
	Type *QueryType `json:"type,omitempty"`

	// Values for the input's templates and for agents that ask for them.
	//
	// +optional
	Parameters []Parameter `json:"parameters,omitzero"`

	// Who answers.
	//
	// +k8s:optional
	Target *QueryTarget `json:"target,omitempty"`

	// Who answers, chosen by labels: the first match among agents, then
	// teams, models and tools.
	//
	// +k8s:optional
	Selector *LabelSelector `json:"selector,omitempty"`

	// The Memory that keeps the conversation.
	//
	// +k8s:optional
	Memory *ResourceReference `json:"memory,omitempty"`

	// Service account as which the query runs.
	//
	// +k8s:optional
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	ServiceAccount *string `json:"serviceAccount,omitempty"`

	// Session that the query belongs to. Without it, the query is its own.
	//
	// +k8s:optional
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	SessionID *string `json:"sessionId,omitempty"`

	// Conversation that the query continues.
	//
	// +k8s:optional
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	ConversationID *string `json:"conversationId,omitempty"`

	// How long the query is kept after it has ended, such as 720h.
	//
	// +k8s:optional
	TTL *Duration `json:"ttl,omitempty"`

	// How long the answer may take.
	//
	// +k8s:optional
	// +default="30m"
	Timeout *Duration `json:"timeout,omitempty"`

	// Set to true to stop the query.
	//
	// +k8s:optional
	Cancel *bool `json:"cancel,omitempty"`

	// HTTP headers for the requests to models and MCP servers.
	//
	// +optional
	Overrides []Override `json:"overrides,omitzero"`
}

// QueryTarget names who answers, in the query's namespace.
type QueryTarget struct {
	// Kind of the target.
	//
	// +required
	// +k8s:required
	Type QueryTargetType `json:"type,omitempty"`

	// Name of the target.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name string `json:"name,omitempty"`
}

// QueryList is a list of queries.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type QueryList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The queries.
	Items []Query `json:"items"`
}
