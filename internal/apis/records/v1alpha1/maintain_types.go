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

// Purge removes for good what the history has of an object, of a session or of what a user has done, for the protection of data. It is
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
	// session is the spec.sessionId of Queries, all of whose versions go, in all namespaces, together with their messages in
	// conversations.
	Session string `json:"session,omitempty"`
}

// One reports whether one of the fields says what goes.
func (s *PurgeSpec) One() bool {
	n := 0
	for _, field := range []string{s.UID, s.User, s.Session} {
		if field != "" {
			n++
		}
	}
	return n == 1
}

// HistoryVerification compares the history with its hash chain. It is answered when that is done, and not kept.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type HistoryVerification struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec has what was kept elsewhere.
	Spec HistoryVerificationSpec `json:"spec,omitempty"`
	// status is what was found.
	Status *HistoryVerificationStatus `json:"status,omitempty"`
}

// HistoryVerificationSpec has what was kept elsewhere.
type HistoryVerificationSpec struct {
	// heads are heads of the chain as the log and the audit log had them, NUMBER:HASH. Without one, a chain that was cut off at
	// its end, or written anew as a whole, is not found.
	// +listType=atomic
	Heads []string `json:"heads,omitempty"`
}

// HistoryVerificationStatus says what was found.
type HistoryVerificationStatus struct {
	// intact says that nothing is broken.
	Intact bool `json:"intact"`
	// break is the first thing that is not as it was written.
	Break string `json:"break,omitempty"`
	// head is that of the chain which was verified, and revision the last one that it covers.
	Head     string `json:"head"`
	Revision int64  `json:"revision"`
	// links counts the links of the chain.
	Links int64 `json:"links"`
	// versions are in the chain and as they were archived.
	Versions int64 `json:"versions"`
	// removed are versions of which only the hash is left, because a policy or a purge has removed them.
	Removed int64 `json:"removed"`
	// unchained are versions that were archived without a chain: nothing is known of them.
	Unchained int64 `json:"unchained"`
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
	// revisions are the versions that a run removes, as NAMESPACE/KIND.NAME.REVISION, in the order in which it does: of the first
	// 10,000 those that the sender may list.
	// +listType=atomic
	Revisions []string `json:"revisions,omitempty"`
	// digest is the SHA-256 of all versions that a run removes, in that order, with their uids: a dry run and a run with the same
	// digest are of the same versions.
	Digest string `json:"digest,omitempty"`
	// rows counts what went beside the history: messages of conversations, and what was kept of requests and responses.
	Rows int64 `json:"rows,omitempty"`
}
