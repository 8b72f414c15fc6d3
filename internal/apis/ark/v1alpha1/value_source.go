package v1alpha1

// ValueSource is a value, written in place or taken from another object.
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
	SecretKeyRef *SecretKeySelector `json:"secretKeyRef,omitempty"`

	// A key of a ConfigMap in the same namespace.
	//
	// +k8s:optional
	ConfigMapKeyRef *ConfigMapKeySelector `json:"configMapKeyRef,omitempty"`

	// A Service; the value is its address as a URL.
	//
	// +k8s:optional
	ServiceRef *ServiceReference `json:"serviceRef,omitempty"`

	// A parameter of the Query that is being answered.
	//
	// +k8s:optional
	QueryParameterRef *QueryParameterReference `json:"queryParameterRef,omitempty"`
}

// SecretKeySelector names one key of a Secret.
//
// +structType=atomic
type SecretKeySelector struct {
	// Name of the Secret.
	//
	// +optional
	// +default=""
	Name string `json:"name"`

	// Key within the Secret's data.
	//
	// +required
	// +k8s:required
	Key *string `json:"key,omitempty"`

	// Whether a missing Secret or key is acceptable.
	//
	// +k8s:optional
	Optional *bool `json:"optional,omitempty"`
}

// ConfigMapKeySelector names one key of a ConfigMap.
//
// +structType=atomic
type ConfigMapKeySelector struct {
	// Name of the ConfigMap.
	//
	// +optional
	// +default=""
	Name string `json:"name"`

	// Key within the ConfigMap's data.
	//
	// +required
	// +k8s:required
	Key *string `json:"key,omitempty"`

	// Whether a missing ConfigMap or key is acceptable.
	//
	// +k8s:optional
	Optional *bool `json:"optional,omitempty"`
}

// ServiceReference names a Service and the part of its URL to use.
type ServiceReference struct {
	// Name of the Service.
	//
	// +required
	// +k8s:required
	Name *string `json:"name,omitempty"`

	// Namespace of the Service, if it is another one.
	//
	// +k8s:optional
	Namespace *string `json:"namespace,omitempty"`

	// Name of the Service's port. Without it the first port is used.
	//
	// +k8s:optional
	Port *string `json:"port,omitempty"`

	// Path that is appended to the address, such as /v1.
	//
	// +k8s:optional
	Path *string `json:"path,omitempty"`
}

// QueryParameterReference names a parameter of the Query that is being
// answered.
type QueryParameterReference struct {
	// Name of the parameter in spec.parameters of the Query.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name string `json:"name,omitempty"`
}
