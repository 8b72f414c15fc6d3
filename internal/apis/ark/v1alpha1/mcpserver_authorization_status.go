package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MCPAuthorizationState is how far authorization with an MCP server is.
//
// +enum
// +k8s:enum
type MCPAuthorizationState string

const (
	// MCPAuthorizationRequired: the server wants a token and there is none.
	MCPAuthorizationRequired MCPAuthorizationState = "Required"
	// MCPAuthorizationDiscoveryFailed: the server does not say where to get a
	// token.
	MCPAuthorizationDiscoveryFailed MCPAuthorizationState = "DiscoveryFailed"
	// MCPAuthorizationAuthorized: there is a token.
	MCPAuthorizationAuthorized MCPAuthorizationState = "Authorized"
)

// MCPServerAuthorizationStatus is what the server and its authorization server
// say about themselves (RFC 9728, RFC 8414).
type MCPServerAuthorizationStatus struct {
	// How far authorization is.
	//
	// +k8s:optional
	State *MCPAuthorizationState `json:"state,omitempty"`

	// Resource identifier of the server.
	//
	// +k8s:optional
	Resource *string `json:"resource,omitempty"`

	// Where the server's metadata was found.
	//
	// +k8s:optional
	ResourceMetadataURL *string `json:"resourceMetadataURL,omitempty"`

	// Name of the server for people.
	//
	// +k8s:optional
	ResourceName *string `json:"resourceName,omitempty"`

	// Issuers that the server trusts.
	//
	// +optional
	AuthorizationServers []string `json:"authorizationServers,omitzero"`

	// Scopes that can be asked for.
	//
	// +optional
	ScopesSupported []string `json:"scopesSupported,omitzero"`

	// Grant types that the authorization server offers.
	//
	// +optional
	GrantTypesSupported []string `json:"grantTypesSupported,omitzero"`

	// Where clients register.
	//
	// +k8s:optional
	RegistrationEndpoint *string `json:"registrationEndpoint,omitempty"`

	// Where users agree.
	//
	// +k8s:optional
	AuthorizationEndpoint *string `json:"authorizationEndpoint,omitempty"`

	// Where tokens are issued.
	//
	// +k8s:optional
	TokenEndpoint *string `json:"tokenEndpoint,omitempty"`

	// Ways in which clients may prove who they are at the token endpoint.
	//
	// +optional
	TokenEndpointAuthMethodsSupported []string `json:"tokenEndpointAuthMethodsSupported,omitzero"`

	// Signature algorithms that the token endpoint accepts.
	//
	// +optional
	TokenEndpointAuthSigningAlgValuesSupported []string `json:"tokenEndpointAuthSigningAlgValuesSupported,omitzero"`

	// When this was last read.
	//
	// +k8s:optional
	// +k8s:opaqueType
	LastDiscovered *metav1.Time `json:"lastDiscovered,omitempty"`

	// When the access token expires.
	//
	// +k8s:optional
	// +k8s:opaqueType
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
}
