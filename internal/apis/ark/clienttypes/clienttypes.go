// Package clienttypes has the kinds as Go clients of Ark declare them, for tests:
// with metav1.Duration, and with plain fields that are left out when they are
// empty. Such a client cannot write what these types cannot hold: an explicit
// false, 0 or "", an empty list or map, another spelling of a duration.
//
// The types are built from the facts: a required field is always written, an optional
// one is left out when it is empty, and an optional object is a pointer.
//
// The package may import internal/apis/ark/facts and k8s.io/apimachinery.
package clienttypes

import (
	"encoding/json"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

// Object is an object of a kind. The status is kept as it is.
type Object struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// Spec is a pointer to the kind's type.
	Spec   any             `json:"spec"`
	Status json.RawMessage `json:"status,omitempty"`
}

// New returns an empty object of a kind.
func New(kind string) (*Object, error) {
	kinds, err := facts.Kinds()
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if k.Kind != kind {
			continue
		}
		spec, err := typeOf(k.Fields, "spec")
		if err != nil {
			return nil, fmt.Errorf("client types of %s: %w", kind, err)
		}
		return &Object{Spec: reflect.New(spec).Interface()}, nil
	}
	return nil, fmt.Errorf("no facts about the kind %q", kind)
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
