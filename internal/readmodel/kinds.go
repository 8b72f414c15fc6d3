package readmodel

// Type is the type of a column's values.
type Type string

// The types of columns. Times are RFC 3339 strings, UTC; JSON is stored as text.
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
	Reading
}

// Kind is a kind that has a view.
type Kind struct {
	// Group, Version and Resource are those of its URL; Resource is also the name of the view. Name is
	// the kind.
	Group, Version, Resource, Name string
	Columns                        []Column
}

// Table returns the table with the kind's rows.
func (k Kind) Table() string { return "k_" + k.Resource }

const (
	arkGroup  = "ark.mckinsey.com"
	stable    = "v1alpha1"
	preStable = "v1prealpha1"
)

// common returns the first columns of every view.
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
		{bytesColumn, Integer, Reading{How: OfSize}},
	}
}

// bytesColumn is the size of an object as it is stored, which is not a field of the object.
const bytesColumn = "bytes"

func kind(version, resource, name string, columns ...Column) Kind {
	return Kind{Group: arkGroup, Version: version, Resource: resource, Name: name, Columns: append(common(), columns...)}
}

var (
	phase       = Column{"phase", Text, text("status", "phase")}
	description = Column{"description", Text, text("spec", "description")}
	address     = Column{"resolved_address", Text, host("status", "resolvedAddress")}
	lastAddress = Column{"resolved_address", Text, host("status", "lastResolvedAddress")}
	ready       = Column{"ready", Text, ready0()}
	message     = Column{"message", Text, text("status", "message")}
)

// Kinds returns the kinds that have views, with their columns in order. They are a stable interface
// for authors of SQL: columns are added, and not removed.
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
			Column{"conversation_id", Text, firstText([]string{"status", "conversationId"}, []string{"spec", "conversationId"})},
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

func side(name string, t Type) Column { return Column{Name: name, Type: t} }

// SideColumns returns the columns of the views with several rows per object.
func SideColumns() map[string][]Column {
	key := []Column{side("kind", Text), side("namespace", Text), side("name", Text)}
	return map[string][]Column{
		"labels": append(key[:3:3], side("key", Text), side("value", Text)),
		"conditions": append(key[:3:3], side("type", Text), side("status", Text), side("reason", Text),
			side("message", Text), side("changed_at", Time)),
		// Of Queries, whose names are in the rows.
		"messages": append(key[:3:3], side("position", Integer), side("role", Text), side("sender", Text), side("content", Text),
			side("conversation_id", Text), side("session_id", Text), side("created_at", Time)),
		"tool_calls": append(key[:3:3], side("position", Integer), side("call_id", Text), side("tool", Text), side("arguments", Text),
			side("agent", Text), side("conversation_id", Text), side("created_at", Time)),
		// From the history.
		Revisions: append(key[:3:3], side("uid", Text), side("revision", Integer), side("generation", Integer), side("verb", Text),
			side("user_name", Text), side("user_groups", JSON), side("impersonator", Text), side("user_agent", Text), side("field_manager", Text),
			side("audit_id", Text), side("cause", Text), side("status_only", Boolean), side("deleted", Boolean), side("at", Time)),
	}
}
