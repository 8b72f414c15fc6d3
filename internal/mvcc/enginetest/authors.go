package enginetest

import (
	"slices"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// testAuthors: the log tells who wrote each revision and when, also of those with many events.
func testAuthors(t *testing.T, e mvcc.Engine) {
	m := newModel()
	first := m.draft().revision(put("a", "1"), put("b", "2"))
	first.Commits[0].Actor = mvcc.Actor{
		User: "jane", Groups: "a,b", Impersonator: "root", UserAgent: "kubectl", FieldManager: "m", AuditID: "id", Verb: "patch",
	}
	m.commit(t, e, first)
	m.commit(t, e, m.draft().revision(put("a", "3")))
	var want []mvcc.Author
	for _, c := range m.log {
		want = append(want, mvcc.Author{Revision: c.Revision, Actor: c.Actor, Time: c.Time})
	}
	for _, span := range [][2]int{{1, 3}, {1, 2}, {2, 3}, {3, 9}} {
		var got []mvcc.Author
		err := e.Authors(t.Context(), int64(span[0]), int64(span[1]), func(a mvcc.Author) error {
			got = append(got, a)
			return nil
		})
		part := want[min(span[0]-1, len(want)):min(span[1]-1, len(want))]
		if err != nil || !slices.EqualFunc(got, part, func(a, b mvcc.Author) bool {
			return a.Revision == b.Revision && a.Actor == b.Actor && a.Time.UnixMilli() == b.Time.UnixMilli()
		}) {
			t.Errorf("authors after %d up to %d: %+v, %v, want %+v", span[0], span[1], got, err, part)
		}
	}
}
