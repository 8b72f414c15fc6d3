package v1prealpha1

import "github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"

// ValueSource is a value, written in place or taken from another object.
//
// It differs from the type of the same name in v1alpha1 in that a query's
// parameters cannot be used: servers and engines exist outside of queries.
type ValueSource struct {
	// The value itself. It wins over valueFrom.
	//
	// +k8s:optional
	Value *string `json:"value,omitempty"`

	// Where to take the value from.
	//
	// +k8s:optional
	ValueFrom *ValueFromSource `json:"valueFrom,omitempty"`
}

// ValueFromSource says where a value comes from. One of its fields is set.
type ValueFromSource struct {
	// A key of a Secret in the same namespace.
	//
	// +k8s:optional
	SecretKeyRef *v1alpha1.SecretKeySelector `json:"secretKeyRef,omitempty"`

	// A key of a ConfigMap in the same namespace.
	//
	// +k8s:optional
	ConfigMapKeyRef *v1alpha1.ConfigMapKeySelector `json:"configMapKeyRef,omitempty"`

	// A Service; the value is its address as a URL.
	//
	// +k8s:optional
	ServiceRef *v1alpha1.ServiceReference `json:"serviceRef,omitempty"`
}
