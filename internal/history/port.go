package history

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Resource names a kind of objects as the API's paths do. The group of the core is "".
type Resource struct{ Group, Resource string }

func (r Resource) String() string {
	if r.Group == "" {
		return r.Resource
	}
	return r.Resource + "." + r.Group
}

// Version is an object as one revision left it.
type Version struct {
	Resource
	Kind, Namespace, Name, UID string

	// Revision is the store's; CreateRevision is that which created the object, and names one life of
	// it.
	Revision, CreateRevision int64
	Generation               int64

	// Verb is that of the request: create, update, patch, delete and so on. VerbSeed marks what was
	// there before the history began.
	Verb string
	// Deleted says that the revision deleted the object. Object is then its last version.
	Deleted bool
	// StatusOnly says that the generation, labels, annotations, finalizers and owners are those of the
	// version before.
	StatusOnly bool

	User         string
	Groups       []string
	Impersonator string
	UserAgent    string
	FieldManager string
	AuditID      string
	// Cause is the annotation CauseAnnotation.
	Cause string
	Time  time.Time

	// Object is the exact JSON as it was stored; nil where it was not asked for, and where Encrypted
	// says that the storage holds it encrypted.
	Object    []byte
	Encrypted bool

	// salt makes the version's leaf of the hash chain one that cannot be guessed; nil where it is in
	// none. leaf is what it says in the chain, where that was asked for.
	salt []byte
	leaf hash
}

// VerbSeed is the verb of an object's version that was there when the history began.
const VerbSeed = "seed"

// CauseAnnotation says why an object was changed.
const CauseAnnotation = "ark.mckinsey.com/change-cause"

// Reader reads the history. It covers every change that was acknowledged before the call. Errors:
// GoneError, NotFoundError, ErrContinue, and those of the store.
type Reader interface {
	// List returns the versions that a query asks for.
	List(ctx context.Context, q Query) (Page, error)
	// Get returns the version that a revision wrote.
	Get(ctx context.Context, ref Ref, revision int64) (*Version, error)
	// At returns the object as it was at a revision.
	At(ctx context.Context, ref Ref, revision int64) (*Version, error)
	// AsOf returns the objects of a resource as they were at a revision, by namespace and name; the
	// namespace "" is all.
	AsOf(ctx context.Context, r Resource, namespace string, revision int64, limit int, cont string) (Page, error)
	// RevisionAt returns the newest revision at a time.
	RevisionAt(ctx context.Context, t time.Time) (int64, error)
	// Deleted returns the last version of each object that is gone.
	Deleted(ctx context.Context, q Query) (Page, error)
}

// Ref names an object. The namespace of a cluster's object is "".
type Ref struct {
	Resource
	Namespace, Name string
}

// Ref names the object that the version is of.
func (v *Version) Ref() Ref { return Ref{v.Resource, v.Namespace, v.Name} }

// GoneError says that the history does not reach back that far.
type GoneError struct {
	// Oldest is the first revision that it tells everything of, and Time when that was.
	Oldest int64
	Time   time.Time
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("the history begins at revision %d, %s", e.Oldest, e.Time.UTC().Format(time.RFC3339))
}

// NotFoundError says that there is no such version.
type NotFoundError struct {
	Ref
	Revision int64
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s %q has no version of revision %d", e.Resource, e.Name, e.Revision)
}

// ErrContinue says that a continue token is not one of the query's.
var ErrContinue = errors.New("the continue token is not valid: begin again without it")
