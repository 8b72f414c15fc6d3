package v1alpha1

import "github.com/mckinsey/ark-server/internal/objectjson"

// The kinds keep fields of their JSON that this release does not declare, such as those
// that a newer controller writes into a status: they implement objectjson.Object.

// MarshalJSON implements objectjson.Object.
func (o *A2ATask) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *A2ATask) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *A2ATask) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *A2ATask) Plain() any {
	type plain A2ATask
	return (*plain)(o)
}

// MarshalJSON implements objectjson.Object.
func (o *Agent) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Agent) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Agent) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Agent) Plain() any {
	type plain Agent
	return (*plain)(o)
}

// MarshalJSON implements objectjson.Object.
func (o *ArkConfig) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *ArkConfig) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *ArkConfig) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *ArkConfig) Plain() any {
	type plain ArkConfig
	return (*plain)(o)
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

// MarshalJSON implements objectjson.Object.
func (o *Memory) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Memory) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Memory) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Memory) Plain() any {
	type plain Memory
	return (*plain)(o)
}

// MarshalJSON implements objectjson.Object.
func (o *Model) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Model) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Model) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Model) Plain() any {
	type plain Model
	return (*plain)(o)
}

// MarshalJSON implements objectjson.Object.
func (o *Query) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Query) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Query) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Query) Plain() any {
	type plain Query
	return (*plain)(o)
}

// MarshalJSON implements objectjson.Object.
func (o *Team) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Team) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Team) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Team) Plain() any {
	type plain Team
	return (*plain)(o)
}

// MarshalJSON implements objectjson.Object.
func (o *Tool) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Tool) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Tool) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Tool) Plain() any {
	type plain Tool
	return (*plain)(o)
}
