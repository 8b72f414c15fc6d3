package readmodel

// Type is what the values of a column are.
type Type string

// The types of columns. Times are text in RFC 3339, UTC; JSON is text.
const (
	Text    Type = "text"
	Integer Type = "integer"
	Boolean Type = "boolean"
	Time    Type = "time"
	JSON    Type = "json"
)

// Column is one column of a view.
type Column struct {
	Name string
	Type Type
	// read makes the value of a column from an object; nil where an object does not say it.
	read func(object) any
}

// Kind is a kind that has a view.
type Kind struct {
	// Group, Version and Resource are those of its URL; Resource is the view, too. Name is the kind.
	Group, Version, Resource, Name string
	Columns                        []Column
}

// Table is where the kind's rows are.
func (k Kind) Table() string { return "k_" + k.Resource }

const (
	arkGroup  = "ark.mckinsey.com"
	stable    = "v1alpha1"
	preStable = "v1prealpha1"
)

// common begin every view.
func common() []Column {
	return []Column{
		{"namespace", Text, text("metadata", "namespace")},
		{"name", Text, text("metadata", "name")},
		{"uid", Text, text("metadata", "uid")},
		{"created_at", Time, text("metadata", "creationTimestamp")},
		{"generation", Integer, integer("metadata", "generation")},
		{"owner_kind", Text, owner("kind")},
		{"owner_name", Text, owner("name")},
		{"labels", JSON, raw("metadata", "labels")},
		{bytesColumn, Integer, nil},
	}
}

// bytesColumn is what an object takes as it is stored, which the object does not say.
const bytesColumn = "bytes"

func kind(version, resource, name string, columns ...Column) Kind {
	return Kind{Group: arkGroup, Version: version, Resource: resource, Name: name, Columns: append(common(), columns...)}
}

var (
	phase       = Column{"phase", Text, text("status", "phase")}
	description = Column{"description", Text, text("spec", "description")}
	address     = Column{"resolved_address", Text, host("status", "resolvedAddress")}
	lastAddress = Column{"resolved_address", Text, host("status", "lastResolvedAddress")}
	ready       = Column{"ready", Text, ready0}
	message     = Column{"message", Text, text("status", "message")}
)

// Kinds are the kinds that have views, with their columns in order. They are the contract with who writes SQL: columns are
// added, and not removed.
func Kinds() []Kind {
	return []Kind{
		kind(stable, "agents", "Agent", description,
			Column{"prompt", Text, text("spec", "prompt")},
			Column{"model", Text, text("spec", "modelRef", "name")},
			Column{"execution_engine", Text, text("spec", "executionEngine", "name")},
			Column{"tools", JSON, names("spec", "tools")},
			Column{"tool_count", Integer, count("spec", "tools")}, ready),
		kind(stable, "models", "Model",
			Column{"provider", Text, text("spec", "provider")},
			Column{"type", Text, text("spec", "type")},
			Column{"model", Text, text("spec", "model", "value")}, address, ready),
		kind(stable, "queries", "Query",
			Column{"target_type", Text, text("spec", "target", "type")},
			Column{"target_name", Text, text("spec", "target", "name")},
			Column{"input", Text, plain("spec", "input")}, phase,
			Column{"output", Text, text("status", "response", "content")},
			Column{"responder_type", Text, text("status", "response", "target", "type")},
			Column{"responder_name", Text, text("status", "response", "target", "name")},
			Column{"prompt_tokens", Integer, integer("status", "tokenUsage", "promptTokens")},
			Column{"completion_tokens", Integer, integer("status", "tokenUsage", "completionTokens")},
			Column{"total_tokens", Integer, integer("status", "tokenUsage", "totalTokens")},
			Column{"cached_tokens", Integer, integer("status", "tokenUsage", "cachedTokens")},
			Column{"duration_ms", Integer, milliseconds("status", "duration")},
			Column{"session_id", Text, text("spec", "sessionId")},
			Column{"conversation_id", Text, first(text("status", "conversationId"), text("spec", "conversationId"))},
			Column{"service_account", Text, text("spec", "serviceAccount")},
			Column{"memory", Text, text("spec", "memory", "name")},
			Column{"canceled", Boolean, boolean("spec", "cancel")}),
		kind(stable, "teams", "Team", description,
			Column{"strategy", Text, text("spec", "strategy")},
			Column{"members", JSON, names("spec", "members")},
			Column{"member_count", Integer, count("spec", "members")},
			Column{"max_turns", Integer, integer("spec", "maxTurns")}, ready),
		kind(stable, "tools", "Tool", description,
			Column{"type", Text, text("spec", "type")},
			Column{"title", Text, text("spec", "annotations", "title")},
			Column{"mcp_server", Text, text("spec", "mcp", "mcpServerRef", "name")},
			Column{"agent", Text, text("spec", "agent", "name")},
			Column{"team", Text, text("spec", "team", "name")},
			Column{"state", Text, text("status", "state")}, message),
		kind(stable, "mcpservers", "MCPServer", description,
			Column{"transport", Text, text("spec", "transport")}, address,
			Column{"tool_count", Integer, integer("status", "toolCount")}, ready),
		kind(stable, "memories", "Memory", lastAddress, phase, message),
		kind(stable, "a2atasks", "A2ATask",
			Column{"query", Text, text("spec", "queryRef", "name")},
			Column{"agent", Text, text("spec", "agentRef", "name")},
			Column{"task_id", Text, text("spec", "taskId")},
			Column{"input", Text, text("spec", "input")}, phase,
			Column{"error", Text, text("status", "error")},
			Column{"started_at", Time, text("status", "startTime")},
			Column{"completed_at", Time, text("status", "completionTime")}),
		kind(stable, "arkconfigs", "ArkConfig", Column{"query_ttl_ms", Integer, milliseconds("spec", "queryTTL")}),
		kind(preStable, "a2aservers", "A2AServer", description, lastAddress, ready),
		kind(preStable, "executionengines", "ExecutionEngine", description, lastAddress, phase, message),
	}
}

// Revisions is the view of the history's versions.
const Revisions = "revisions"

// SideColumns are those of the views of what objects have several of.
func SideColumns() map[string][]Column {
	key := []Column{{"kind", Text, nil}, {"namespace", Text, nil}, {"name", Text, nil}}
	return map[string][]Column{
		"labels": append(key[:3:3], Column{"key", Text, nil}, Column{"value", Text, nil}),
		"conditions": append(key[:3:3], Column{"type", Text, nil}, Column{"status", Text, nil}, Column{"reason", Text, nil},
			Column{"message", Text, nil}, Column{"changed_at", Time, nil}),
		// Of Queries, whose names they have.
		"messages": append(key[:3:3], Column{"position", Integer, nil}, Column{"role", Text, nil}, Column{"sender", Text, nil}, Column{"content", Text, nil},
			Column{"conversation_id", Text, nil}, Column{"session_id", Text, nil}, Column{"created_at", Time, nil}),
		"tool_calls": append(key[:3:3], Column{"position", Integer, nil}, Column{"call_id", Text, nil}, Column{"tool", Text, nil}, Column{"arguments", Text, nil},
			Column{"agent", Text, nil}, Column{"conversation_id", Text, nil}, Column{"created_at", Time, nil}),
		// What the history has.
		Revisions: append(key[:3:3], Column{"uid", Text, nil}, Column{"revision", Integer, nil}, Column{"generation", Integer, nil}, Column{"verb", Text, nil},
			Column{"user_name", Text, nil}, Column{"user_groups", JSON, nil}, Column{"impersonator", Text, nil}, Column{"user_agent", Text, nil}, Column{"field_manager", Text, nil},
			Column{"audit_id", Text, nil}, Column{"cause", Text, nil}, Column{"status_only", Boolean, nil}, Column{"deleted", Boolean, nil}, Column{"at", Time, nil}),
	}
}
