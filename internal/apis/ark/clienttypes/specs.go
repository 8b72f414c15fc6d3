package clienttypes

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// AgentSpec is the spec of an Agent.
type AgentSpec struct {
	Prompt          string                `json:"prompt,omitempty"`
	Description     string                `json:"description,omitempty"`
	ModelRef        *Reference            `json:"modelRef,omitempty"`
	ExecutionEngine *Reference            `json:"executionEngine,omitempty"`
	Tools           []AgentTool           `json:"tools,omitempty"`
	Parameters      []Parameter           `json:"parameters,omitempty"`
	OutputSchema    *runtime.RawExtension `json:"outputSchema,omitempty"`
	Overrides       []Override            `json:"overrides,omitempty"`
}

// AgentTool is a tool of an Agent.
type AgentTool struct {
	Type        string      `json:"type"`
	Name        string      `json:"name,omitempty"`
	Description string      `json:"description,omitempty"`
	Functions   []Parameter `json:"functions,omitempty"`
	Partial     *Partial    `json:"partial,omitempty"`
	Approval    *Approval   `json:"approval,omitempty"`
}

// Partial is a Tool with some of its parameters set.
type Partial struct {
	Name       string      `json:"name,omitempty"`
	Parameters []Parameter `json:"parameters,omitempty"`
}

// Approval says when a person has to approve a call.
type Approval struct {
	Required        bool             `json:"required,omitempty"`
	Timeout         *metav1.Duration `json:"timeout,omitempty"`
	OnTimeout       string           `json:"onTimeout,omitempty"`
	ArgumentMatches []ArgumentMatch  `json:"argumentMatches,omitempty"`
}

// ArgumentMatch names calls by an argument.
type ArgumentMatch struct {
	Argument string `json:"argument"`
	Pattern  string `json:"pattern"`
}

// QuerySpec is the spec of a Query.
type QuerySpec struct {
	Type           string                `json:"type,omitempty"`
	Input          runtime.RawExtension  `json:"input"`
	Parameters     []Parameter           `json:"parameters,omitempty"`
	Target         *QueryTarget          `json:"target,omitempty"`
	Selector       *metav1.LabelSelector `json:"selector,omitempty"`
	Memory         *Reference            `json:"memory,omitempty"`
	ServiceAccount string                `json:"serviceAccount,omitempty"`
	SessionID      string                `json:"sessionId,omitempty"`
	ConversationID string                `json:"conversationId,omitempty"`
	TTL            *metav1.Duration      `json:"ttl,omitempty"`
	Timeout        *metav1.Duration      `json:"timeout,omitempty"`
	Cancel         bool                  `json:"cancel,omitempty"`
	Overrides      []Override            `json:"overrides,omitempty"`
}

// QueryTarget is who answers.
type QueryTarget struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

// TeamSpec is the spec of a Team.
type TeamSpec struct {
	Members     []QueryTarget `json:"members"`
	Strategy    string        `json:"strategy"`
	Description string        `json:"description,omitempty"`
	Loops       *bool         `json:"loops,omitempty"`
	MaxTurns    *int          `json:"maxTurns,omitempty"`
	Selector    *Selector     `json:"selector,omitempty"`
	Graph       *Graph        `json:"graph,omitempty"`
}

// Selector is how a Team's agent selects the next member.
type Selector struct {
	Agent               string `json:"agent,omitempty"`
	SelectorPrompt      string `json:"selectorPrompt,omitempty"`
	EnableTerminateTool *bool  `json:"enableTerminateTool,omitempty"`
	TerminatePrompt     string `json:"terminatePrompt,omitempty"`
}

// Graph is who may follow whom.
type Graph struct {
	Edges []Edge `json:"edges"`
}

// Edge is one step of a Graph.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// ToolSpec is the spec of a Tool.
type ToolSpec struct {
	Type        string                `json:"type"`
	Description string                `json:"description,omitempty"`
	InputSchema *runtime.RawExtension `json:"inputSchema,omitempty"`
	Annotations *ToolAnnotations      `json:"annotations,omitempty"`
	HTTP        *ToolHTTP             `json:"http,omitempty"`
	MCP         *ToolMCP              `json:"mcp,omitempty"`
	Agent       *Reference            `json:"agent,omitempty"`
	Team        *Reference            `json:"team,omitempty"`
	Builtin     *Reference            `json:"builtin,omitempty"`
	Inline      *ToolInline           `json:"inline,omitempty"`
	Approval    *Approval             `json:"approval,omitempty"`
}

// ToolAnnotations are hints about a Tool.
type ToolAnnotations struct {
	DestructiveHint *bool  `json:"destructiveHint,omitempty"`
	IdempotentHint  *bool  `json:"idempotentHint,omitempty"`
	OpenWorldHint   *bool  `json:"openWorldHint,omitempty"`
	ReadOnlyHint    *bool  `json:"readOnlyHint,omitempty"`
	Title           string `json:"title,omitempty"`
}

// ToolHTTP is a request.
type ToolHTTP struct {
	URL            string      `json:"url"`
	Method         string      `json:"method,omitempty"`
	Headers        []Header    `json:"headers,omitempty"`
	Timeout        string      `json:"timeout,omitempty"`
	Body           string      `json:"body,omitempty"`
	BodyParameters []Parameter `json:"bodyParameters,omitempty"`
}

// ToolMCP is a tool of an MCP server.
type ToolMCP struct {
	MCPServerRef Reference `json:"mcpServerRef"`
	ToolName     string    `json:"toolName"`
}

// ToolInline is a script.
type ToolInline struct {
	Source   string `json:"source"`
	Language string `json:"language"`
}

// MCPServerSpec is the spec of an MCPServer.
type MCPServerSpec struct {
	Address         ValueSource       `json:"address"`
	Headers         []Header          `json:"headers,omitempty"`
	Timeout         string            `json:"timeout,omitempty"`
	ToolCallTimeout string            `json:"toolCallTimeout,omitempty"`
	Transport       string            `json:"transport"`
	Description     string            `json:"description,omitempty"`
	PollInterval    *metav1.Duration  `json:"pollInterval,omitempty"`
	Authorization   *MCPAuthorization `json:"authorization,omitempty"`
}

// MCPAuthorization is how to authorize to an MCP server.
type MCPAuthorization struct {
	TokenSecretRef    TokenSecret        `json:"tokenSecretRef"`
	ClientCredentials *ClientCredentials `json:"clientCredentials,omitempty"`
}

// TokenSecret names the keys of a Secret.
type TokenSecret struct {
	Name            string `json:"name"`
	AccessTokenKey  string `json:"accessTokenKey,omitempty"`
	RefreshTokenKey string `json:"refreshTokenKey,omitempty"`
	ExpiresAtKey    string `json:"expiresAtKey,omitempty"`
	ClientIDKey     string `json:"clientIDKey,omitempty"`
	ClientSecretKey string `json:"clientSecretKey,omitempty"`
}

// ClientCredentials is OAuth without a user.
type ClientCredentials struct {
	ClientID             string               `json:"clientID"`
	Scopes               []string             `json:"scopes,omitempty"`
	Resource             string               `json:"resource,omitempty"`
	TokenEndpoint        string               `json:"tokenEndpoint,omitempty"`
	ClientAuthentication ClientAuthentication `json:"clientAuthentication"`
}

// ClientAuthentication is one way to authenticate.
type ClientAuthentication struct {
	PrivateKeyJWT *PrivateKeyJWT `json:"privateKeyJWT,omitempty"`
}

// PrivateKeyJWT is a signed token.
type PrivateKeyJWT struct {
	SecretKeyRef KeyOfSecret `json:"secretKeyRef"`
	Algorithm    string      `json:"algorithm,omitempty"`
	KeyID        string      `json:"keyID,omitempty"`
}

// KeyOfSecret names a private key.
type KeyOfSecret struct {
	Name string `json:"name"`
	Key  string `json:"key,omitempty"`
}

// MemorySpec is the spec of a Memory.
type MemorySpec struct {
	Address ValueSource `json:"address"`
	Headers []Header    `json:"headers,omitempty"`
}

// A2ATaskSpec is the spec of an A2ATask.
type A2ATaskSpec struct {
	QueryRef     Reference         `json:"queryRef"`
	A2AServerRef *ReferenceOrNone  `json:"a2aServerRef,omitempty"`
	AgentRef     ReferenceOrNone   `json:"agentRef"`
	TaskID       string            `json:"taskId"`
	ContextID    string            `json:"contextId,omitempty"`
	Input        string            `json:"input,omitempty"`
	Parameters   map[string]string `json:"parameters,omitempty"`
	Priority     int32             `json:"priority,omitempty"`
	Timeout      *metav1.Duration  `json:"timeout,omitempty"`
	TTL          *metav1.Duration  `json:"ttl,omitempty"`
	PollInterval *metav1.Duration  `json:"pollInterval,omitempty"`
}

// ArkConfigSpec is the spec of an ArkConfig.
type ArkConfigSpec struct {
	QueryTTL      *metav1.Duration `json:"queryTTL,omitempty"`
	DefaultMemory *Reference       `json:"defaultMemory,omitempty"`
}

// A2AServerSpec is the spec of an A2AServer.
type A2AServerSpec struct {
	Address              ValueSource      `json:"address"`
	Headers              []Header         `json:"headers,omitempty"`
	Description          string           `json:"description,omitempty"`
	PollInterval         *metav1.Duration `json:"pollInterval,omitempty"`
	Timeout              string           `json:"timeout,omitempty"`
	EndpointResolution   string           `json:"endpointResolution,omitempty"`
	AllowedEndpointHosts []string         `json:"allowedEndpointHosts,omitempty"`
}

// ExecutionEngineSpec is the spec of an ExecutionEngine.
type ExecutionEngineSpec struct {
	Address     ValueSource `json:"address"`
	Description string      `json:"description,omitempty"`
}
