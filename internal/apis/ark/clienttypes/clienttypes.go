// Package clienttypes holds the kinds as Go clients of Ark declare them, for tests:
// with metav1.Duration, and with plain fields that are left out when they are
// empty. Such a client cannot write what these types cannot hold: an explicit
// false, 0 or "", an empty list or map, another spelling of a duration.
//
// The package may import k8s.io/api and k8s.io/apimachinery.
package clienttypes

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Object is an object of a kind with the spec S. The status is kept as it is.
type Object[S any] struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              S               `json:"spec,omitempty"`
	Status            json.RawMessage `json:"status,omitempty"`
}

// New returns a pointer to an empty object of a kind.
func New(kind string) (any, error) {
	switch kind {
	case "A2AServer":
		return new(Object[A2AServerSpec]), nil
	case "A2ATask":
		return new(Object[A2ATaskSpec]), nil
	case "Agent":
		return new(Object[AgentSpec]), nil
	case "ArkConfig":
		return new(Object[ArkConfigSpec]), nil
	case "ExecutionEngine":
		return new(Object[ExecutionEngineSpec]), nil
	case "MCPServer":
		return new(Object[MCPServerSpec]), nil
	case "Memory":
		return new(Object[MemorySpec]), nil
	case "Model":
		return new(Object[ModelSpec]), nil
	case "Query":
		return new(Object[QuerySpec]), nil
	case "Team":
		return new(Object[TeamSpec]), nil
	case "Tool":
		return new(Object[ToolSpec]), nil
	}
	return nil, fmt.Errorf("no client types for the kind %q", kind)
}

// RoundTrip returns what a client sends back that has read the object.
func RoundTrip(kind string, text []byte) ([]byte, error) {
	object, err := New(kind)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, object); err != nil {
		return nil, fmt.Errorf("read a %s as a Go client: %w", kind, err)
	}
	return json.Marshal(object)
}
