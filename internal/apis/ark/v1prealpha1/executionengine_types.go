package v1prealpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// ExecutionEngine is a service that runs agents in place of Ark itself.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type ExecutionEngine struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// How to reach the service.
	Spec ExecutionEngineSpec `json:"spec,omitempty"`
	// What the controller has found out about it.
	//
	// +k8s:optional
	Status *ExecutionEngineStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *ExecutionEngine) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *ExecutionEngine) UnmarshalJSON(text []byte) error {
	return objectjson.Unmarshal(text, o.Plain())
}

// UnknownFields implements objectjson.Object.
func (o *ExecutionEngine) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *ExecutionEngine) Plain() any {
	type plain ExecutionEngine
	return (*plain)(o)
}

// ExecutionEngineSpec describes an execution engine.
type ExecutionEngineSpec struct {
	// URL of the service.
	//
	// +required
	// +k8s:required
	Address *ValueSource `json:"address,omitempty"`

	// What the engine is good for.
	//
	// +k8s:optional
	Description *string `json:"description,omitempty"`
}

// ExecutionEngineStatus is the observed state of an execution engine.
type ExecutionEngineStatus struct {
	// Address at which the service was last reached.
	//
	// +k8s:optional
	LastResolvedAddress *string `json:"lastResolvedAddress,omitempty"`

	// Whether the engine can be used: running, ready or error.
	//
	// +k8s:optional
	Phase *string `json:"phase,omitempty"`

	// Why it is in this phase.
	//
	// +k8s:optional
	Message *string `json:"message,omitempty"`
}

// ExecutionEngineList is a list of execution engines.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ExecutionEngineList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The execution engines.
	Items []ExecutionEngine `json:"items"`
}
