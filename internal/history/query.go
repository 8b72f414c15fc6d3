package history

import (
	"strconv"
	"time"
)

// Query says which versions are wanted. A zero field asks for all.
type Query struct {
	Resource        Resource
	Namespace, Name string
	UID, User, Verb string
	// Since and Until bound the time: from Since on and before Until.
	Since, Until time.Time
	// From and To bound the revision, both included.
	From, To int64
	// OldestFirst asks for the order of revisions; without it the newest is first.
	OldestFirst bool
	// Objects asks for Version.Object, and DeletedObjects for that of the versions that deleted
	// theirs.
	Objects, DeletedObjects bool
	// Limit bounds the versions of a page; 0 is DefaultLimit, and MaxLimit is the most.
	Limit int
	// Continue is Page.Continue of the page before, of the same query.
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

// matches reports whether a version is wanted, whatever the page.
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

// wantsObject reports whether a version is wanted with its object.
func (q *Query) wantsObject(v *Version) bool { return q.Objects || q.DeletedObjects && v.Deleted }

// Page is a part of an answer.
type Page struct {
	Items []*Version
	// Continue asks for the rest; "" where there is none.
	Continue string
	// Revision is the one that the page covers.
	Revision int64
}

// bounds returns the least and greatest revision that are wanted of the rest of a query.
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

// After is the continue token of the query whose page ends with a version, for those who leave out
// what a page has beyond it.
func After(v *Version) string { return token(v) }

// token is the continue token behind a version.
func token(v *Version) string { return strconv.FormatInt(v.Revision, 36) }
