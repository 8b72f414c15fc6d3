package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// A2ATaskPhase is how far a task is, in Ark's words.
//
// +enum
// +k8s:enum
type A2ATaskPhase string

const (
	// A2ATaskPending: not started yet.
	A2ATaskPending A2ATaskPhase = "pending"
	// A2ATaskAssigned: handed to the server.
	A2ATaskAssigned A2ATaskPhase = "assigned"
	// A2ATaskRunning: the server is at work.
	A2ATaskRunning A2ATaskPhase = "running"
	// A2ATaskInputRequired: waiting for a person.
	A2ATaskInputRequired A2ATaskPhase = "input-required"
	// A2ATaskAuthRequired: waiting for credentials.
	A2ATaskAuthRequired A2ATaskPhase = "auth-required"
	// A2ATaskCompleted: ended with a result.
	A2ATaskCompleted A2ATaskPhase = "completed"
	// A2ATaskFailed: ended without a result.
	A2ATaskFailed A2ATaskPhase = "failed"
	// A2ATaskCancelled: stopped on request.
	A2ATaskCancelled A2ATaskPhase = "cancelled"
	// A2ATaskUnknown: the server does not say.
	A2ATaskUnknown A2ATaskPhase = "unknown"
)

// A2AProtocolState is how far a task is, in the words of the A2A protocol.
//
// +enum
// +k8s:enum
type A2AProtocolState string

const (
	// A2AStateSubmitted: received, not started.
	A2AStateSubmitted A2AProtocolState = "submitted"
	// A2AStateWorking: at work.
	A2AStateWorking A2AProtocolState = "working"
	// A2AStateInputRequired: waiting for input.
	A2AStateInputRequired A2AProtocolState = "input-required"
	// A2AStateCompleted: ended with a result.
	A2AStateCompleted A2AProtocolState = "completed"
	// A2AStateCanceled: stopped on request.
	A2AStateCanceled A2AProtocolState = "canceled"
	// A2AStateFailed: ended without a result.
	A2AStateFailed A2AProtocolState = "failed"
	// A2AStateRejected: the server does not take the task.
	A2AStateRejected A2AProtocolState = "rejected"
	// A2AStateAuthRequired: waiting for credentials.
	A2AStateAuthRequired A2AProtocolState = "auth-required"
	// A2AStateUnknown: the server does not say.
	A2AStateUnknown A2AProtocolState = "unknown"
)

// A2ATaskStatus is how far a task is, and its results.
type A2ATaskStatus struct {
	// How far the task is.
	//
	// +k8s:optional
	// +default="pending"
	Phase *A2ATaskPhase `json:"phase,omitempty"`

	// The condition Completed tells whether the task has ended.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitzero"`

	// When the task started.
	//
	// +k8s:optional
	// +k8s:opaqueType
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// When the task ended.
	//
	// +k8s:optional
	// +k8s:opaqueType
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// Why the task failed.
	//
	// +k8s:optional
	Error *string `json:"error,omitempty"`

	// How far the task is, as the server says.
	//
	// +k8s:optional
	ProtocolState *A2AProtocolState `json:"protocolState,omitempty"`

	// The server's identifier for the conversation.
	//
	// +k8s:optional
	ContextID *string `json:"contextId,omitempty"`

	// What the task has produced.
	//
	// +optional
	Artifacts []A2AArtifact `json:"artifacts,omitzero"`

	// The messages that were exchanged.
	//
	// +optional
	History []A2AMessage `json:"history,omitzero"`

	// What else the server says about the task.
	//
	// +optional
	ProtocolMetadata map[string]string `json:"protocolMetadata,omitzero"`

	// The server's last message about the task.
	//
	// +k8s:optional
	LastStatusMessage *A2AMessage `json:"lastStatusMessage,omitempty"`

	// When that message was sent, as the server wrote it.
	//
	// +k8s:optional
	LastStatusTimestamp *string `json:"lastStatusTimestamp,omitempty"`
}
