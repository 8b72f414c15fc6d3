package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Revision is one change of one Ark object: what was done, by whom and when, and the object as it was
// then. Its name is KIND.NAME.REVISION, in lower case.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type Revision struct {
	metav1.TypeMeta `json:",inline"`
	// metadata has the name and the time of the change. The namespace is the object's; objects without
	// a namespace have their revisions in "default", as they have their Events.
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// object is what was changed.
	Object RevisedObject `json:"object"`
	// revision is the resourceVersion that the change gave the object.
	Revision int64 `json:"revision"`
	// generation counts the changes of the object's spec.
	Generation int64 `json:"generation,omitempty"`
	// verb is what was done: create, update, patch, delete; seed for what was there when the history began.
	Verb string `json:"verb"`
	// user is who did it.
	User string `json:"user,omitempty"`
	// groups are those of the user.
	// +listType=atomic
	Groups []string `json:"groups,omitempty"`
	// impersonator is who acted as the user.
	Impersonator string `json:"impersonator,omitempty"`
	// userAgent is the program that was used.
	UserAgent string `json:"userAgent,omitempty"`
	// fieldManager is the name under which the program owns fields.
	FieldManager string `json:"fieldManager,omitempty"`
	// auditID finds the request in the audit log.
	AuditID string `json:"auditID,omitempty"`
	// time is when the change was made.
	Time metav1.MicroTime `json:"time"`
	// cause is the annotation ark.mckinsey.com/change-cause that came with the change.
	Cause string `json:"cause,omitempty"`
	// changedPaths are the fields that differ from the revision before, where that is known.
	// +listType=atomic
	ChangedPaths []string `json:"changedPaths,omitempty"`
	// snapshot is the object as the change left it, of a deletion as it was before. Lists leave it out.
	// Secrets are hidden unless you may get the object itself.
	Snapshot *runtime.RawExtension `json:"snapshot,omitempty"`
}

// RevisedObject names an object.
type RevisedObject struct {
	// kind of the object.
	Kind string `json:"kind"`
	// namespace of the object; empty for kinds without.
	Namespace string `json:"namespace,omitempty"`
	// name of the object.
	Name string `json:"name"`
	// uid of the object: one that is deleted and made again has another.
	UID string `json:"uid,omitempty"`
}

// RevisionList is a list of revisions, the newest first.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type RevisionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the revisions.
	Items []Revision `json:"items"`
}
