package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Memory is a service that keeps the messages of conversations.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type Memory struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// How to reach the service.
	Spec MemorySpec `json:"spec,omitempty"`
	// What the controller has found out about it.
	//
	// +k8s:optional
	Status *MemoryStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *Memory) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Memory) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Memory) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Memory) Plain() any {
	type plain Memory
	return (*plain)(o)
}

// MemorySpec describes a memory service.
type MemorySpec struct {
	// URL of the service.
	//
	// +required
	// +k8s:required
	Address *ValueSource `json:"address,omitempty"`

	// HTTP headers to send with every request.
	//
	// +optional
	Headers []Header `json:"headers,omitzero"`
}

// MemoryPhase is whether a memory service can be used.
//
// +enum
// +k8s:enum
type MemoryPhase string

const (
	// MemoryRunning: its address is being looked up.
	MemoryRunning MemoryPhase = "running"
	// MemoryReady: it can be used.
	MemoryReady MemoryPhase = "ready"
	// MemoryError: it cannot be used.
	MemoryError MemoryPhase = "error"
)

// MemoryStatus is the observed state of a memory service.
type MemoryStatus struct {
	// Address at which the service was last reached.
	//
	// +k8s:optional
	LastResolvedAddress *string `json:"lastResolvedAddress,omitempty"`

	// Whether the service can be used.
	//
	// +k8s:optional
	Phase *MemoryPhase `json:"phase,omitempty"`

	// Why it is in this phase.
	//
	// +k8s:optional
	Message *string `json:"message,omitempty"`
}

// MemoryList is a list of memory services.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type MemoryList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The memory services.
	Items []Memory `json:"items"`
}
