package rows

import "github.com/mckinsey/ark-server/internal/mvcc"

// Witnesses says for which pruned revisions a shared database records who wrote them.
type Witnesses struct {
	// Witnessed is what the pruned revision was when writers were last recorded; a release that
	// records none may have pruned since. Those of revisions up to Unwitnessed are not recorded.
	Witnessed, Unwitnessed int64
}

// Recorded reports whether the writer of a point would be recorded: mvcc.Found.Recorded.
func (w Witnesses) Recorded(r mvcc.Reading, p mvcc.Point) bool {
	return w.Witnessed == r.Pruned && p.Revision > w.Unwitnessed
}
