package v1alpha1

// OverrideResourceType is a kind whose requests an Override changes.
//
// +enum
// +k8s:enum
type OverrideResourceType string

const (
	// OverrideModel changes requests to models.
	OverrideModel OverrideResourceType = "model"
	// OverrideMCPServer changes requests to MCP servers.
	OverrideMCPServer OverrideResourceType = "mcpserver"
)

// Override adds HTTP headers to the requests that are sent to some resources
// while a query is answered.
type Override struct {
	// The headers to add.
	//
	// +required
	Headers []Header `json:"headers,omitzero"`

	// The kind of resource whose requests get the headers.
	//
	// +required
	// +k8s:required
	ResourceType OverrideResourceType `json:"resourceType,omitempty"`

	// Which resources of that kind. Without it, all.
	//
	// +k8s:optional
	LabelSelector *LabelSelector `json:"labelSelector,omitempty"`
}
