package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RetentionRun carries the retention policies out at once, or says what that would remove. It is answered when it is done,
// and not kept.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type RetentionRun struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how.
	Spec RetentionRunSpec `json:"spec,omitempty"`
	// status is the report.
	Status *RemovalReport `json:"status,omitempty"`
}

// RetentionRunSpec says how the policies are carried out.
type RetentionRunSpec struct {
	// dryRun removes nothing: the report is the one of a run at the same time. So does the parameter dryRun=All.
	DryRun bool `json:"dryRun,omitempty"`
}

// Purge removes for good what the history has of an object or of what a user has done, for the protection of data. It is
// answered with a receipt, and not kept.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type Purge struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what goes.
	Spec PurgeSpec `json:"spec"`
	// status is the receipt.
	Status *RemovalReport `json:"status,omitempty"`
}

// PurgeSpec says what goes: one of its fields.
type PurgeSpec struct {
	// uid is that of an object, all of whose versions go.
	UID string `json:"uid,omitempty"`
	// user is who made the versions that go.
	User string `json:"user,omitempty"`
}

// RemovalReport says what a run or a purge has removed.
type RemovalReport struct {
	// time is when it was done.
	Time metav1.MicroTime `json:"time"`
	// dryRun says that nothing was removed.
	DryRun bool `json:"dryRun,omitempty"`
	// objects and versions are how many were looked at.
	Objects  int64 `json:"objects"`
	Versions int64 `json:"versions"`
	// removed counts the versions that went, by the resource of their objects.
	Removed map[string]int64 `json:"removed"`
}
