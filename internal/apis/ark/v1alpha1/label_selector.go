package v1alpha1

// LabelSelector chooses objects by their labels; an empty one chooses all. Its
// two parts must both be met.
//
// It is metav1.LabelSelector, except that empty maps and lists stay: dropping
// them would make each update that holds them a change of the spec.
//
// +structType=atomic
type LabelSelector struct {
	// Labels that an object must have, with their values.
	//
	// +optional
	MatchLabels map[string]string `json:"matchLabels,omitzero"`

	// Conditions on labels. All must be met.
	//
	// +optional
	// +listType=atomic
	MatchExpressions []LabelSelectorRequirement `json:"matchExpressions,omitzero"`
}

// LabelSelectorRequirement is a condition on one label.
type LabelSelectorRequirement struct {
	// Key of the label.
	//
	// +required
	// +k8s:required
	Key *string `json:"key,omitempty"`

	// How the label's value relates to values: In, NotIn, Exists or
	// DoesNotExist.
	//
	// +required
	// +k8s:required
	Operator *string `json:"operator,omitempty"`

	// The values to compare with; none for Exists and DoesNotExist.
	//
	// +optional
	// +listType=atomic
	Values []string `json:"values,omitzero"`
}
