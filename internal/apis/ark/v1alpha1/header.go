package v1alpha1

// Header is an HTTP header that is sent with requests.
type Header struct {
	// Name of the header, such as Authorization.
	//
	// +required
	// +k8s:required
	// +k8s:minLength=1
	// +k8s:validation:minLength=1
	Name string `json:"name,omitempty"`

	// Value of the header.
	//
	// +required
	// +k8s:required
	Value *HeaderValue `json:"value,omitempty"`
}

// HeaderValue is a header's value, written in place or taken from another
// object.
type HeaderValue struct {
	// The value itself.
	//
	// +k8s:optional
	Value *string `json:"value,omitempty"`

	// Where to take the value from.
	//
	// +k8s:optional
	ValueFrom *HeaderValueSource `json:"valueFrom,omitempty"`
}

// HeaderValueSource says where a header's value comes from. One of its fields
// is set.
type HeaderValueSource struct {
	// A key of a Secret in the same namespace.
	//
	// +k8s:optional
	SecretKeyRef *SecretKeySelector `json:"secretKeyRef,omitempty"`

	// A key of a ConfigMap in the same namespace.
	//
	// +k8s:optional
	ConfigMapKeyRef *ConfigMapKeySelector `json:"configMapKeyRef,omitempty"`

	// A parameter of the Query that is being answered.
	//
	// +k8s:optional
	QueryParameterRef *QueryParameterReference `json:"queryParameterRef,omitempty"`
}
