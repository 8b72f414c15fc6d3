package v1prealpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// A2AServer is a server that offers agents over the Agent2Agent protocol.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type A2AServer struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// How to reach the server.
	Spec A2AServerSpec `json:"spec,omitempty"`
	// What the controller has found out about it.
	//
	// +k8s:optional
	Status *A2AServerStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *A2AServer) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *A2AServer) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *A2AServer) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *A2AServer) Plain() any {
	type plain A2AServer
	return (*plain)(o)
}

// EndpointResolution is how the URL for messages is found.
//
// +enum
// +k8s:enum
type EndpointResolution string

const (
	// EndpointAddress: it is spec.address.
	EndpointAddress EndpointResolution = "address"
	// EndpointCardPath: it is the path of the URL in the agent card, on the
	// host of spec.address.
	EndpointCardPath EndpointResolution = "cardPath"
	// EndpointCardURL: it is the URL in the agent card.
	EndpointCardURL EndpointResolution = "cardUrl"
)

// A2AServerSpec describes an A2A server.
type A2AServerSpec struct {
	// URL of the server.
	//
	// +required
	// +k8s:required
	Address *ValueSource `json:"address,omitempty"`

	// HTTP headers to send with every request.
	//
	// +optional
	Headers []v1alpha1.Header `json:"headers,omitzero"`

	// What the server is good for.
	//
	// +k8s:optional
	Description *string `json:"description,omitempty"`

	// How often the controller asks the server for its agents.
	//
	// +k8s:optional
	// +default="1m"
	PollInterval *v1alpha1.Duration `json:"pollInterval,omitempty"`

	// How long an answer may take, such as 5m.
	//
	// +k8s:optional
	// +default="5m"
	Timeout *string `json:"timeout,omitempty"`

	// How the URL for messages is found.
	//
	// +k8s:optional
	// +default="address"
	EndpointResolution *EndpointResolution `json:"endpointResolution,omitempty"`

	// Hosts that the agent card may name besides that of spec.address, with an
	// optional port. A leading *. stands for any sub-domain.
	//
	// +optional
	// +k8s:optional
	// +k8s:eachVal=+k8s:maxLength=259
	// +k8s:validation:items:maxLength=259
	// +k8s:validation:items:pattern>^(\*\.)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*(:[0-9]{1,5})?$
	AllowedEndpointHosts []string `json:"allowedEndpointHosts,omitzero"`
}

// A2AServerStatus is the observed state of an A2A server.
type A2AServerStatus struct {
	// Address at which the server was last reached.
	//
	// +k8s:optional
	LastResolvedAddress *string `json:"lastResolvedAddress,omitempty"`

	// URL to which messages are sent.
	//
	// +k8s:optional
	LastResolvedEndpoint *string `json:"lastResolvedEndpoint,omitempty"`

	// URL from the agent card that is not allowed.
	//
	// +k8s:optional
	RejectedEndpoint *string `json:"rejectedEndpoint,omitempty"`

	// The condition Ready tells whether the server answers, Discovering
	// whether its agents are being read.
	//
	// +optional
	Conditions []v1alpha1.Condition `json:"conditions,omitzero"`
}

// A2AServerList is a list of A2A servers.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type A2AServerList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The A2A servers.
	Items []A2AServer `json:"items"`
}
