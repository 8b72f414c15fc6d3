package v1alpha1

// ApprovalTimeoutAction is what happens when nobody answers an approval.
//
// +enum
// +k8s:enum
type ApprovalTimeoutAction string

const (
	// ApprovalReject treats silence as a refusal.
	ApprovalReject ApprovalTimeoutAction = "reject"
	// ApprovalProceed treats silence as consent.
	ApprovalProceed ApprovalTimeoutAction = "proceed"
)

// ToolApproval says when a person has to approve a tool call.
type ToolApproval struct {
	// Whether calls need approval.
	//
	// +k8s:optional
	Required *bool `json:"required,omitempty"`

	// How long to wait for an answer, such as 10m.
	//
	// +k8s:optional
	Timeout *Duration `json:"timeout,omitempty"`

	// What happens when the wait is over.
	//
	// +k8s:optional
	// +default="reject"
	OnTimeout *ApprovalTimeoutAction `json:"onTimeout,omitempty"`

	// Calls need approval only if one of these matches. Without any, all do.
	//
	// +optional
	ArgumentMatches []ArgumentMatch `json:"argumentMatches,omitzero"`
}

// ArgumentMatch selects tool calls by the value of an argument.
type ArgumentMatch struct {
	// Name of the argument.
	//
	// +required
	// +k8s:required
	Argument *string `json:"argument,omitempty"`

	// Regular expression, in Go's syntax, that the argument's value matches.
	//
	// +required
	// +k8s:required
	Pattern *string `json:"pattern,omitempty"`
}
