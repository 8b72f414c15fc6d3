package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ConditionStatus tells whether a condition holds.
//
// +enum
// +k8s:enum
type ConditionStatus string

const (
	// ConditionTrue: the condition holds.
	ConditionTrue ConditionStatus = "True"
	// ConditionFalse: the condition does not hold.
	ConditionFalse ConditionStatus = "False"
	// ConditionUnknown: the controller cannot tell yet.
	ConditionUnknown ConditionStatus = "Unknown"
)

// Condition is one observation about an object, in the form of the Kubernetes
// API conventions.
//
// It has the JSON form of metav1.Condition, which clients use. It is a type of
// our own because the schema of metav1.Condition carries none of the bounds
// below, and because its plain fields cannot tell a missing message from an
// empty one.
type Condition struct {
	// What is observed, such as Available or Completed. At most one condition
	// of each type exists in an object.
	//
	// +required
	// +k8s:required
	// +k8s:maxLength=316
	// +k8s:validation:maxLength=316
	// +k8s:validation:pattern>^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$
	Type string `json:"type,omitempty"`

	// Whether the condition holds.
	//
	// +required
	// +k8s:required
	Status ConditionStatus `json:"status,omitempty"`

	// The metadata.generation that the observation is about. When it is lower
	// than the object's, the condition is out of date.
	//
	// +k8s:optional
	// +k8s:minimum=0
	// +k8s:validation:minimum=0
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// When the status last changed.
	//
	// +required
	// +k8s:opaqueType
	LastTransitionTime metav1.Time `json:"lastTransitionTime,omitzero"`

	// Why the condition has this status, as one CamelCase word for programs.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:maxLength=1024
	// +k8s:validation:minLength=1
	// +k8s:validation:maxLength=1024
	// +k8s:validation:pattern>^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$
	Reason string `json:"reason,omitempty"`

	// Why the condition has this status, for people. May be empty.
	//
	// +required
	// +k8s:required
	// +k8s:maxLength=32768
	// +k8s:validation:maxLength=32768
	Message *string `json:"message,omitempty"`
}
