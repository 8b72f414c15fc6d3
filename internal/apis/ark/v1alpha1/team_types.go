package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Team is a group of agents and teams that answer queries together.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type Team struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Who is in the team and how they work together.
	Spec TeamSpec `json:"spec,omitempty"`
	// What the controller has found out about it.
	//
	// +k8s:optional
	Status *TeamStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *Team) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Team) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Team) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Team) Plain() any {
	type plain Team
	return (*plain)(o)
}

// TeamStrategy is how the members of a team take turns.
//
// +enum
// +k8s:enum
type TeamStrategy string

const (
	// TeamSequential: one after another, in the order of the list.
	TeamSequential TeamStrategy = "sequential"
	// TeamRoundRobin: again and again in the order of the list. Newer
	// manifests use sequential with loops.
	TeamRoundRobin TeamStrategy = "round-robin"
	// TeamSelector: an agent chooses who is next.
	TeamSelector TeamStrategy = "selector"
	// TeamGraph: the edges of a graph say who is next.
	TeamGraph TeamStrategy = "graph"
)

// TeamMemberType is a kind that can be a member of a team.
//
// +enum
// +k8s:enum
type TeamMemberType string

const (
	// TeamMemberAgent is an Agent.
	TeamMemberAgent TeamMemberType = "agent"
	// TeamMemberTeam is another Team.
	TeamMemberTeam TeamMemberType = "team"
)

// TeamSpec describes a team.
type TeamSpec struct {
	// The members. Their order counts for the sequential strategy.
	//
	// +required
	Members []TeamMember `json:"members,omitzero"`

	// How the members take turns.
	//
	// +required
	// +k8s:required
	Strategy TeamStrategy `json:"strategy,omitempty"`

	// What the team is good for.
	//
	// +k8s:optional
	Description *string `json:"description,omitempty"`

	// Whether the members start over after the last one.
	//
	// +optional
	// +default=false
	Loops bool `json:"loops"`

	// Most turns that the members take together.
	//
	// +k8s:optional
	MaxTurns *int64 `json:"maxTurns,omitempty"`

	// How the selector strategy chooses the next member.
	//
	// +k8s:optional
	Selector *TeamSelectorSpec `json:"selector,omitempty"`

	// Who may follow whom.
	//
	// +k8s:optional
	Graph *TeamGraphSpec `json:"graph,omitempty"`
}

// TeamMember is a member of a team, in the same namespace.
type TeamMember struct {
	// Name of the agent or team.
	//
	// +required
	// +k8s:required
	Name *string `json:"name,omitempty"`

	// Kind of the member.
	//
	// +required
	// +k8s:required
	Type TeamMemberType `json:"type,omitempty"`
}

// TeamSelectorSpec says how the next member is chosen.
type TeamSelectorSpec struct {
	// Name of the agent that chooses.
	//
	// +k8s:optional
	Agent *string `json:"agent,omitempty"`

	// Prompt with which the agent is asked to choose.
	//
	// +k8s:optional
	SelectorPrompt *string `json:"selectorPrompt,omitempty"`

	// Whether the agent may end the conversation.
	//
	// +k8s:optional
	EnableTerminateTool *bool `json:"enableTerminateTool,omitempty"`

	// Prompt that tells the agent when to end the conversation.
	//
	// +k8s:optional
	TerminatePrompt *string `json:"terminatePrompt,omitempty"`
}

// TeamGraphSpec says who may follow whom.
type TeamGraphSpec struct {
	// The allowed transitions.
	//
	// +required
	Edges []TeamGraphEdge `json:"edges,omitzero"`
}

// TeamGraphEdge allows one member to follow another.
type TeamGraphEdge struct {
	// Name of the member that has spoken.
	//
	// +required
	// +k8s:required
	From *string `json:"from,omitempty"`

	// Name of the member that may speak next.
	//
	// +required
	// +k8s:required
	To *string `json:"to,omitempty"`
}

// TeamStatus is the observed state of a team.
type TeamStatus struct {
	// The condition Available tells whether all members are.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitzero"`
}

// TeamList is a list of teams.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type TeamList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The teams.
	Items []Team `json:"items"`
}
