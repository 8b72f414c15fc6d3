package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RetentionPolicy says which versions of Ark objects are kept. The rules of all policies are one list, by the names of the
// policies; the first rule that matches a version decides. The server's defaults follow.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type RetentionPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec has the rules.
	Spec RetentionPolicySpec `json:"spec"`
}

// RetentionPolicySpec has the rules of a policy.
type RetentionPolicySpec struct {
	// exactFor is how far back lists as of a time are exact: what was replaced within that time is kept whatever the rules
	// say. The longest of all policies counts; 1d without any. Write 36h or 7d.
	ExactFor string `json:"exactFor,omitempty"`
	// rules are in the order in which they are tried.
	// +listType=atomic
	Rules []RetentionRule `json:"rules"`
}

// RetentionRule says what is kept of the versions that it matches. What it does not name matches.
type RetentionRule struct {
	// kinds are those of the objects, such as Agent.
	// +listType=atomic
	Kinds []string `json:"kinds,omitempty"`
	// namespaces are those of the objects.
	// +listType=atomic
	Namespaces []string `json:"namespaces,omitempty"`
	// labels must all be the version's.
	Labels map[string]string `json:"labels,omitempty"`
	// phases are values of the version's status.phase.
	// +listType=atomic
	Phases []string `json:"phases,omitempty"`
	// statusOnly matches versions that differ from the one before in the status only.
	StatusOnly bool `json:"statusOnly,omitempty"`

	// drop keeps none of them, once exactFor is over.
	Drop bool `json:"drop,omitempty"`
	// versions is how many of them an object keeps; 0 for all.
	Versions int32 `json:"versions,omitempty"`
	// age is how long they are kept after they were replaced, such as 365d; empty for ever.
	Age string `json:"age,omitempty"`
	// ageAfterDeletion is how long they are kept after their object was deleted; empty for ever.
	AgeAfterDeletion string `json:"ageAfterDeletion,omitempty"`
}

// RetentionPolicyList is a list of policies.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type RetentionPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the policies.
	Items []RetentionPolicy `json:"items"`
}
