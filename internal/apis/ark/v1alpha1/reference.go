package v1alpha1

// ResourceReference names an object, by default in the namespace of the object
// that holds the reference.
type ResourceReference struct {
	// Name of the object.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name string `json:"name,omitempty"`

	// Namespace of the object, if it is another one.
	//
	// +k8s:optional
	Namespace *string `json:"namespace,omitempty"`
}

// LocalReference names an object in the same namespace.
type LocalReference struct {
	// Name of the object.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name string `json:"name,omitempty"`
}
