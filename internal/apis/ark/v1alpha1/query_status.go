package v1alpha1

// QueryPhase is how far a query is.
//
// +enum
// +k8s:enum
type QueryPhase string

const (
	// QueryPending: not started yet.
	QueryPending QueryPhase = "pending"
	// QueryProvisioning: what it needs is being prepared.
	QueryProvisioning QueryPhase = "provisioning"
	// QueryQueued: waiting for its turn.
	QueryQueued QueryPhase = "queued"
	// QueryRunning: being answered.
	QueryRunning QueryPhase = "running"
	// QueryInputRequired: waiting for a person.
	QueryInputRequired QueryPhase = "input-required"
	// QueryError: ended without an answer.
	QueryError QueryPhase = "error"
	// QueryDone: answered.
	QueryDone QueryPhase = "done"
	// QueryCanceled: stopped on request.
	QueryCanceled QueryPhase = "canceled"
)

// QueryStatus is the answer to a query and how far it is.
type QueryStatus struct {
	// How far the query is.
	//
	// +k8s:optional
	// +default="pending"
	Phase *QueryPhase `json:"phase,omitempty"`

	// The condition Completed tells whether the query has ended, and how.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitzero"`

	// The answer.
	//
	// +k8s:optional
	Response *QueryResponse `json:"response,omitempty"`

	// Tokens that the answer has cost.
	//
	// +k8s:optional
	TokenUsage *TokenUsage `json:"tokenUsage,omitempty"`

	// Conversation in which the answer was given.
	//
	// +k8s:optional
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	ConversationID *string `json:"conversationId,omitempty"`

	// How long the answer took.
	//
	// +k8s:optional
	Duration *Duration `json:"duration,omitempty"`
}

// QueryResponse is the answer to a query.
type QueryResponse struct {
	// Who answered.
	//
	// +k8s:optional
	Target *QueryTarget `json:"target,omitempty"`

	// The answer as text.
	//
	// +k8s:optional
	Content *string `json:"content,omitempty"`

	// The messages behind the answer, as JSON text.
	//
	// +k8s:optional
	Raw *string `json:"raw,omitempty"`

	// How the target ended, as the target calls it.
	//
	// +k8s:optional
	Phase *string `json:"phase,omitempty"`

	// The exchange with an A2A server, if one answered.
	//
	// +k8s:optional
	A2A *QueryResponseA2A `json:"a2a,omitempty"`
}

// QueryResponseA2A identifies the exchange with an A2A server.
type QueryResponseA2A struct {
	// Context in which the server answered.
	//
	// +k8s:optional
	ContextID *string `json:"contextId,omitempty"`

	// Task that the server ran.
	//
	// +k8s:optional
	TaskID *string `json:"taskId,omitempty"`
}

// TokenUsage counts tokens.
type TokenUsage struct {
	// Tokens that were sent to models.
	//
	// +k8s:optional
	PromptTokens *int64 `json:"promptTokens,omitempty"`

	// Tokens that models produced.
	//
	// +k8s:optional
	CompletionTokens *int64 `json:"completionTokens,omitempty"`

	// Both together.
	//
	// +k8s:optional
	TotalTokens *int64 `json:"totalTokens,omitempty"`

	// Those of the sent tokens that the provider had in its cache.
	//
	// +k8s:optional
	CachedTokens *int64 `json:"cachedTokens,omitempty"`
}
