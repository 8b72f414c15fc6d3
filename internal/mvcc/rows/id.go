package rows

import (
	"fmt"
	"strconv"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// bits is how many of a row's id are its position in the revision; the others are the revision.
const bits = 20

// positions is how many ids a revision has.
const positions = 1 << bits

// A revision has as many ids as it may have changes.
var _ [0]struct{} = [positions - mvcc.MaxEventsPerRevision]struct{}{}

// MaxRevision is the greatest that ids have room for.
const MaxRevision = (1<<63 - 1) / positions

// ID is the id of the row at a position in a revision.
func ID(revision int64, position int) int64 { return revision*positions + int64(position) }

// Revision is that of a row's id.
func Revision(id int64) int64 { return id / positions }

// Span is where the ids of the revisions after one up to and including another lie: from first to
// below end.
func Span(after, last int64) (first, end int64) { return ID(after+1, 0), ID(last+1, 0) }

// InRevision is the condition, in SQL, that a row is of a revision; id and revision are
// expressions.
func InRevision(id, revision string) string {
	return fmt.Sprintf("%s >= (%s) << %d AND %[1]s < ((%[2]s) + 1) << %[3]d", id, revision, bits)
}

// FirstID is, in SQL, the id of the first row of a revision.
func FirstID(revision string) string { return "(" + revision + ") << " + strconv.Itoa(bits) }

// RevisionOf is, in SQL, the revision of a row's id.
func RevisionOf(id string) string { return "(" + id + ") >> " + strconv.Itoa(bits) }

// Created is the id of the row that created a key.
func Created(kv *mvcc.KeyValue) int64 { return ID(kv.CreateRevision, kv.CreatePosition) }

// MoveOn returns the revision that lies by above another, for a counter that is moved on by hand.
func MoveOn(revision, by int64) (int64, error) {
	if by < 1 || by > MaxRevision-revision {
		return 0, fmt.Errorf("revision %d cannot be moved on by %d: choose 1 to %d", revision, by, MaxRevision-revision)
	}
	return revision + by, nil
}
