package history

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Resource names a kind of objects as the API's paths do. The core group is "".
type Resource struct{ Group, Resource string }

func (r Resource) String() string {
	if r.Group == "" {
		return r.Resource
	}
	return r.Resource + "." + r.Group
}

// Version is the state of an object after one revision.
type Version struct {
	Resource
	Kind, Namespace, Name, UID string

	// Revision is the store's revision; CreateRevision is the revision that created the object, and
	// identifies one lifetime of it.
	Revision, CreateRevision int64
	Generation               int64

	// Verb is the verb of the request: create, update, patch, delete and so on. VerbSeed marks objects
	// from before the history began.
	Verb string
	// Deleted is true if the revision deleted the object. Object is then its last version.
	Deleted bool
	// StatusOnly is true if the generation, labels, annotations, finalizers and owners are the same as
	// in the previous version.
	StatusOnly bool

	User         string
	Groups       []string
	Impersonator string
	UserAgent    string
	FieldManager string
	AuditID      string
	// Cause is the value of CauseAnnotation.
	Cause string
	Time  time.Time

	// Object is the exact JSON as it was stored; nil if it was not requested, or if Encrypted is true
	// because the storage has it encrypted.
	Object    []byte
	Encrypted bool

	// salt makes the version's leaf of the hash chain unguessable; nil if it is in no chain. leaf is
	// the version's leaf in the chain, if it was requested.
	salt []byte
	leaf hash
}

// VerbSeed is the verb of the version of an object that existed when the history began.
const VerbSeed = "seed"

// CauseAnnotation has the reason for which an object was changed.
const CauseAnnotation = "ark.mckinsey.com/change-cause"

// Reader reads the history. It includes every change that was acknowledged before the call. Errors:
// GoneError, NotFoundError, ErrContinue, and those of the store.
type Reader interface {
	// List returns the versions that match a query.
	List(ctx context.Context, q Query) (Page, error)
	// Get returns the version that a revision wrote.
	Get(ctx context.Context, ref Ref, revision int64) (*Version, error)
	// At returns an object as of a revision.
	At(ctx context.Context, ref Ref, revision int64) (*Version, error)
	// AsOf returns the objects of a resource as of a revision, by namespace and name; the namespace ""
	// selects all.
	AsOf(ctx context.Context, r Resource, namespace string, revision int64, limit int, cont string) (Page, error)
	// RevisionAt returns the newest revision at a time.
	RevisionAt(ctx context.Context, t time.Time) (int64, error)
	// Deleted returns the last version of each deleted object.
	Deleted(ctx context.Context, q Query) (Page, error)
}

// Ref identifies an object. The namespace of a cluster-scoped object is "".
type Ref struct {
	Resource
	Namespace, Name string
}

// Ref returns the object of the version.
func (v *Version) Ref() Ref { return Ref{v.Resource, v.Namespace, v.Name} }

// GoneError reports that the history does not reach back that far.
type GoneError struct {
	// Oldest is the first revision from which the history is complete, and Time the time of that
	// revision.
	Oldest int64
	Time   time.Time
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("the history begins at revision %d, %s", e.Oldest, e.Time.UTC().Format(time.RFC3339))
}

// NotFoundError reports that there is no such version.
type NotFoundError struct {
	Ref
	Revision int64
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s %q has no version of revision %d", e.Resource, e.Name, e.Revision)
}

// ErrContinue reports that a continue token does not belong to the query.
var ErrContinue = errors.New("the continue token is not valid: begin again without it")
