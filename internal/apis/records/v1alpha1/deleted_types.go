package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// DeletedObject is an Ark object that has been deleted, and was not made again under its name. Its name is
// KIND.NAME.REVISION, in lower case, with the revision of the deletion. Create its subresource undelete to have it back.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type DeletedObject struct {
	metav1.TypeMeta `json:",inline"`
	// metadata has the name and the time of the deletion. The namespace is as that of a Revision.
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// object is what was deleted.
	Object RevisedObject `json:"object"`
	// revision is that of the deletion.
	Revision int64 `json:"revision"`
	// verb is the request's: delete, or deletecollection.
	Verb string `json:"verb"`
	// user is who deleted it.
	User string `json:"user,omitempty"`
	// impersonator is who acted as the user.
	Impersonator string `json:"impersonator,omitempty"`
	// userAgent is the program that was used.
	UserAgent string `json:"userAgent,omitempty"`
	// auditID finds the request in the audit log.
	AuditID string `json:"auditID,omitempty"`
	// time is when it was deleted.
	Time metav1.MicroTime `json:"time"`
	// snapshot is the object as it was. Lists leave it out. Secrets are hidden unless you may get the object itself.
	Snapshot *runtime.RawExtension `json:"snapshot,omitempty"`
}

// DeletedObjectList is a list of deleted objects, by kind, namespace and name.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type DeletedObjectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the deleted objects.
	Items []DeletedObject `json:"items"`
}

// Undelete makes a deleted object again, with a new uid. Its annotation ark.mckinsey.com/undeleted-uid is the uid that it
// had. You need the right to create the object.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type Undelete struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how.
	Spec UndeleteSpec `json:"spec,omitempty"`
	// status is what was made.
	Status *UndeleteStatus `json:"status,omitempty"`
}

// UndeleteSpec says how an object is made again.
type UndeleteSpec struct {
	// cause is put into the annotation ark.mckinsey.com/change-cause.
	Cause string `json:"cause,omitempty"`
}

// UndeleteStatus says what was made.
type UndeleteStatus struct {
	// object is the one that was made.
	Object RevisedObject `json:"object"`
	// previousUID is the uid of the deleted object.
	PreviousUID string `json:"previousUID,omitempty"`
}
