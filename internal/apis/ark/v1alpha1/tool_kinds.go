package v1alpha1

// HTTPToolMethod is the method of a tool's HTTP request.
//
// +enum
// +k8s:enum
type HTTPToolMethod string

const (
	// HTTPToolGet is GET.
	HTTPToolGet HTTPToolMethod = "GET"
	// HTTPToolPost is POST.
	HTTPToolPost HTTPToolMethod = "POST"
	// HTTPToolPut is PUT.
	HTTPToolPut HTTPToolMethod = "PUT"
	// HTTPToolDelete is DELETE.
	HTTPToolDelete HTTPToolMethod = "DELETE"
	// HTTPToolPatch is PATCH.
	HTTPToolPatch HTTPToolMethod = "PATCH"
)

// HTTPTool is a tool that calls a URL.
type HTTPTool struct {
	// URL to call. May refer to arguments as {name}.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	// +k8s:validation:pattern="^https?://.*"
	URL string `json:"url,omitempty"`

	// Method of the request.
	//
	// +k8s:optional
	// +default="GET"
	Method *HTTPToolMethod `json:"method,omitempty"`

	// HTTP headers to send.
	//
	// +optional
	Headers []Header `json:"headers,omitzero"`

	// How long the call may take: a whole number of seconds, or one with the
	// unit s, m or h.
	//
	// +k8s:optional
	// +k8s:validation:pattern="^[0-9]+[smh]?$"
	Timeout *string `json:"timeout,omitempty"`

	// Body of the request, as a template over the arguments and bodyParameters.
	//
	// +k8s:optional
	Body *string `json:"body,omitempty"`

	// Values for the body's templates.
	//
	// +optional
	BodyParameters []Parameter `json:"bodyParameters,omitzero"`
}

// MCPTool is a tool of an MCP server.
type MCPTool struct {
	// The MCPServer.
	//
	// +required
	// +k8s:required
	MCPServerRef *ResourceReference `json:"mcpServerRef,omitempty"`

	// The server's name for the tool.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	ToolName string `json:"toolName,omitempty"`
}

// InlineToolLanguage is the language of an inline tool.
//
// +enum
// +k8s:enum
type InlineToolLanguage string

const (
	// InlineToolBash is Bash.
	InlineToolBash InlineToolLanguage = "bash"
	// InlineToolPython is Python.
	InlineToolPython InlineToolLanguage = "python"
	// InlineToolNode is JavaScript on Node.js.
	InlineToolNode InlineToolLanguage = "node"
	// InlineToolTypeScript is TypeScript.
	InlineToolTypeScript InlineToolLanguage = "ts"
)

// InlineTool is a script that runs for each call.
type InlineTool struct {
	// Language of the source.
	//
	// +required
	// +k8s:required
	Language InlineToolLanguage `json:"language,omitempty"`

	// The script.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:maxLength=65536
	// +k8s:validation:minLength=1
	// +k8s:validation:maxLength=65536
	Source string `json:"source,omitempty"`
}
