package transfer

import "fmt"

// Warning is something that a user may want to do something about: SecretsNotAsked, CoreNotHere or
// RevisionsBelow.
type Warning interface{ String() string }

// SecretsNotAsked reports that Secrets were left out because they were not requested.
type SecretsNotAsked struct{ Left int }

// String describes what was left out, without a remedy.
func (w SecretsNotAsked) String() string {
	return fmt.Sprintf("%s left out: Secrets are not moved unless that is asked for", plural(w.Left))
}

// CoreNotHere reports that objects were left out that the target does not store.
type CoreNotHere struct{ Left int }

// String says so, and what to do.
func (w CoreNotHere) String() string {
	return fmt.Sprintf("%s left out: the target's storage is of a server in a cluster, which keeps them itself: create them there with kubectl (or, if it is to be a standalone server's, start that once on it and run this again)", plural(w.Left))
}

// RevisionsBelow reports that the source's resourceVersions reach There, and the storage's only
// Here.
// A client that comes over and watches on would receive no events until they have caught up.
type RevisionsBelow struct{ There, Here int64 }

// String says so, without how to move the storage on.
func (w RevisionsBelow) String() string {
	return fmt.Sprintf("the source's resourceVersions reach %d, and those of this storage only %d. Before the source's clients are led here, stop the server and move it on", w.There, w.Here)
}
