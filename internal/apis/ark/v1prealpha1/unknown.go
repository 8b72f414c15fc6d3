package v1prealpha1

import "github.com/mckinsey/ark-server/internal/objectjson"

// The kinds keep fields of their JSON that this release does not declare, such as those
// that a newer controller writes into a status: they implement objectjson.Object.

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

// MarshalJSON implements objectjson.Object.
func (o *ExecutionEngine) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *ExecutionEngine) UnmarshalJSON(text []byte) error {
	return objectjson.Unmarshal(text, o.Plain())
}

// UnknownFields implements objectjson.Object.
func (o *ExecutionEngine) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *ExecutionEngine) Plain() any {
	type plain ExecutionEngine
	return (*plain)(o)
}
