package v1alpha1

// A2ARole is who wrote a message.
//
// +enum
// +k8s:enum
type A2ARole string

const (
	// A2ARoleUser is who asked.
	A2ARoleUser A2ARole = "user"
	// A2ARoleAgent is who answers.
	A2ARoleAgent A2ARole = "agent"
	// A2ARoleSystem is the system around them.
	A2ARoleSystem A2ARole = "system"
)

// A2APartKind is what a part of a message holds.
//
// +enum
// +k8s:enum
type A2APartKind string

const (
	// A2APartText is a text.
	A2APartText A2APartKind = "text"
	// A2APartFile is a file, by content or by reference.
	A2APartFile A2APartKind = "file"
	// A2APartData is structured data.
	A2APartData A2APartKind = "data"
)

// A2AMessage is a message between Ark and an A2A server.
type A2AMessage struct {
	// Identifier of the message.
	//
	// +k8s:optional
	MessageID *string `json:"messageId,omitempty"`

	// Who wrote the message.
	//
	// +required
	// +k8s:required
	Role A2ARole `json:"role,omitempty"`

	// What the message says.
	//
	// +required
	Parts []A2APart `json:"parts,omitzero"`

	// What else its author says about it.
	//
	// +optional
	Metadata map[string]string `json:"metadata,omitzero"`
}

// A2AArtifact is a result of a task.
type A2AArtifact struct {
	// Identifier of the artifact within the task.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	ArtifactID string `json:"artifactId,omitempty"`

	// Name for people.
	//
	// +k8s:optional
	Name *string `json:"name,omitempty"`

	// What the artifact is.
	//
	// +k8s:optional
	Description *string `json:"description,omitempty"`

	// The content.
	//
	// +required
	Parts []A2APart `json:"parts,omitzero"`

	// What else the server says about it.
	//
	// +optional
	Metadata map[string]string `json:"metadata,omitzero"`
}

// A2APart is one piece of a message or artifact.
type A2APart struct {
	// What the part holds.
	//
	// +required
	// +k8s:required
	Kind A2APartKind `json:"kind,omitempty"`

	// The text, for the kind text.
	//
	// +k8s:optional
	Text *string `json:"text,omitempty"`

	// The data, for the kinds data and file.
	//
	// +k8s:optional
	Data *string `json:"data,omitempty"`

	// Media type of the data.
	//
	// +k8s:optional
	MimeType *string `json:"mimeType,omitempty"`

	// Where the file is.
	//
	// +k8s:optional
	URI *string `json:"uri,omitempty"`

	// What else its author says about it.
	//
	// +optional
	Metadata map[string]string `json:"metadata,omitzero"`
}
