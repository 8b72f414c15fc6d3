package history

import (
	"strconv"
	"time"
)

// Query selects versions. A zero field selects all.
type Query struct {
	Resource        Resource
	Namespace, Name string
	UID, User, Verb string
	// Since and Until bound the time: Since is included, Until is not.
	Since, Until time.Time
	// From and To bound the revision, both included.
	From, To int64
	// OldestFirst requests the order of revisions; without it the newest is first.
	OldestFirst bool
	// Objects requests Version.Object for all versions, and DeletedObjects only for versions that
	// deleted their object.
	Objects, DeletedObjects bool
	// Limit bounds the versions of a page; 0 is DefaultLimit, and MaxLimit is the most.
	Limit int
	// Continue is Page.Continue of the previous page of the same query.
	Continue string
}

// Limits of a page.
const (
	DefaultLimit = 500
	MaxLimit     = 5000
)

func (q *Query) limit() int {
	if q.Limit <= 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

// matches reports whether a version matches, regardless of the page.
func (q *Query) matches(v *Version) bool {
	return (q.Resource == Resource{} || q.Resource == v.Resource) &&
		(q.Namespace == "" || q.Namespace == v.Namespace) &&
		(q.Name == "" || q.Name == v.Name) &&
		(q.UID == "" || q.UID == v.UID) &&
		(q.User == "" || q.User == v.User) &&
		(q.Verb == "" || q.Verb == v.Verb) &&
		(q.Since.IsZero() || !v.Time.Before(q.Since)) &&
		(q.Until.IsZero() || v.Time.Before(q.Until)) &&
		(q.From == 0 || v.Revision >= q.From) &&
		(q.To == 0 || v.Revision <= q.To)
}

// wantsObject reports whether the query requests a version's object.
func (q *Query) wantsObject(v *Version) bool { return q.Objects || q.DeletedObjects && v.Deleted }

// Page is a part of an answer.
type Page struct {
	Items []*Version
	// Continue is the token for the next page; "" if there is none.
	Continue string
	// Revision is the revision that the page covers.
	Revision int64
}

// bounds returns the lowest and highest revision of the rest of a query.
func (q *Query) bounds() (from, to int64, err error) {
	from, to = max(q.From, 1), q.To
	if to == 0 {
		to = 1<<63 - 1
	}
	if q.Continue == "" {
		return from, to, nil
	}
	last, err := strconv.ParseInt(q.Continue, 36, 64)
	if err != nil || last < 1 {
		return 0, 0, ErrContinue
	}
	if q.OldestFirst {
		return max(from, last+1), to, nil
	}
	return from, min(to, last-1), nil
}

// After returns the continue token for a query whose page ends with the given version, for callers
// that drop the rest of a page.
func After(v *Version) string { return token(v) }

// token returns the continue token after a version.
func token(v *Version) string { return strconv.FormatInt(v.Revision, 36) }
