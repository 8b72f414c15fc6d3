package v1alpha1

// Parameter is a named value that templates refer to as {{.name}}.
type Parameter struct {
	// Name by which templates refer to the parameter.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name string `json:"name,omitempty"`

	// The value itself.
	//
	// +k8s:optional
	Value *string `json:"value,omitempty"`

	// Where to take the value from.
	//
	// +k8s:optional
	ValueFrom *ValueFromSource `json:"valueFrom,omitempty"`
}
