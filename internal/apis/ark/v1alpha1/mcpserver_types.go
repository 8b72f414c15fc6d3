package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// MCPServer is a server that offers tools over the Model Context Protocol.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type MCPServer struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// How to reach the server.
	Spec MCPServerSpec `json:"spec,omitempty"`
	// What the controller has found out about it.
	//
	// +k8s:optional
	Status *MCPServerStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *MCPServer) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *MCPServer) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *MCPServer) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *MCPServer) Plain() any {
	type plain MCPServer
	return (*plain)(o)
}

// MCPTransport is how MCP messages travel.
//
// +enum
// +k8s:enum
type MCPTransport string

const (
	// MCPTransportHTTP is streamable HTTP.
	MCPTransportHTTP MCPTransport = "http"
	// MCPTransportSSE is the older transport with server-sent events.
	MCPTransportSSE MCPTransport = "sse"
)

// MCPServerSpec describes an MCP server.
type MCPServerSpec struct {
	// URL of the server.
	//
	// +required
	// +k8s:required
	Address *ValueSource `json:"address,omitempty"`

	// HTTP headers to send with every request.
	//
	// +optional
	Headers []Header `json:"headers,omitzero"`

	// How messages travel.
	//
	// +required
	// +k8s:required
	// +default="http"
	Transport *MCPTransport `json:"transport,omitempty"`

	// How long connecting may take, such as 30s.
	//
	// +k8s:optional
	// +default="30s"
	Timeout *string `json:"timeout,omitempty"`

	// How long one tool call may take, such as 2m or 1m30s.
	//
	// +k8s:optional
	// +k8s:validation:pattern>^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$
	ToolCallTimeout *string `json:"toolCallTimeout,omitempty"`

	// What the server is good for.
	//
	// +k8s:optional
	Description *string `json:"description,omitempty"`

	// How often the controller asks the server for its tools.
	//
	// +k8s:optional
	// +default="1m"
	PollInterval *Duration `json:"pollInterval,omitempty"`

	// How requests are authorized with OAuth.
	//
	// +k8s:optional
	Authorization *MCPServerAuthorization `json:"authorization,omitempty"`
}

// MCPServerStatus is the observed state of an MCP server.
type MCPServerStatus struct {
	// Address at which the server was last reached.
	//
	// +k8s:optional
	ResolvedAddress *string `json:"resolvedAddress,omitempty"`

	// Number of tools that the server offers.
	//
	// +k8s:optional
	ToolCount *int64 `json:"toolCount,omitempty"`

	// What the server says about authorization.
	//
	// +k8s:optional
	Authorization *MCPServerAuthorizationStatus `json:"authorization,omitempty"`

	// The condition Available tells whether the server answers, Discovering
	// whether its tools are being read.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitzero"`
}

// MCPServerList is a list of MCP servers.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type MCPServerList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The MCP servers.
	Items []MCPServer `json:"items"`
}
