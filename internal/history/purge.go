package history

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Target selects the versions that a purge removes: those that match any of its fields.
type Target struct {
	// UID is the UID of an object, all of whose versions are removed.
	UID string
	// User is the user whose versions are removed.
	User string
	// Session is the session of Queries, all of whose versions are removed.
	Session string
}

// Purge removes all versions of an object, of a session's Queries, or those that a user has made.
// It does not change the log: compact the log first. The report has what was removed.
func (a *Archive) Purge(ctx context.Context, t Target) (Report, error) {
	return a.removes(ctx, func(turn *turn, receipt *Report) error { return a.purge(ctx, turn, t, receipt) })
}

func (a *Archive) purge(ctx context.Context, turn *turn, t Target, receipt *Report) error {
	whole, err := a.keepWhole(ctx)
	if err != nil {
		return err
	}
	v, err := a.view(ctx)
	if err != nil {
		return err
	}
	refs, err := v.targets(ctx, t)
	if err != nil {
		return err
	}
	r := &remover{view: v, turn: turn, purges: true}
	for _, ref := range refs {
		rows, err := v.rowsOf(ctx, ref)
		if err != nil {
			return err
		}
		all, err := rows.versions(ctx)
		if err != nil {
			return err
		}
		// A version that is archived while the purge runs may have become the base of another version
		// since the rows were read.
		gone := slices.DeleteFunc(t.of(all), func(g *Version) bool { return g.Revision > whole })
		receipt.Objects++
		receipt.Versions += len(all)
		receipt.add(gone)
		if t.User == "" {
			for _, one := range gone {
				if p := (Purged{ref, one.UID}); !slices.Contains(receipt.Purged, p) {
					receipt.Purged = append(receipt.Purged, p)
				}
			}
		}
		if err := r.remove(ctx, rows, gone); err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

// of returns the versions of an object that are removed.
func (t Target) of(all []*Version) (gone []*Version) {
	lives := map[int64]bool{} // of the session's Queries, by CreateRevision
	for _, one := range all {
		if t.Session != "" && sessionOf(one) == t.Session {
			lives[one.CreateRevision] = true
		}
	}
	for _, one := range all {
		if t.UID != "" && one.UID == t.UID || t.User != "" && one.User == t.User || lives[one.CreateRevision] {
			gone = append(gone, one)
		}
	}
	return gone
}

// sessionOf returns the session of a Query's version, "" for none.
func sessionOf(v *Version) string {
	var query struct {
		Spec struct {
			SessionID string `json:"sessionId"`
		} `json:"spec"`
	}
	_ = json.Unmarshal(v.Object, &query) // an object that cannot be decoded has none
	return query.Spec.SessionID
}

// sessions is the resource whose objects may have a session.
const sessions = "queries"

// targets returns the objects that may have versions that a purge removes.
func (v *view) targets(ctx context.Context, t Target) (refs []Ref, err error) {
	seen := map[Ref]bool{}
	add := func(some ...Ref) {
		for _, ref := range some {
			if !seen[ref] {
				refs = append(refs, ref)
			}
			seen[ref] = true
		}
	}
	if t.UID != "" {
		some, err := v.refsOf(ctx, t.UID)
		if err != nil {
			return nil, err
		}
		add(some...)
	}
	if t.User != "" {
		err := v.entries(owned{userTable, string(ownerKey(t.User))}).read(ctx, 1, v.newest, false, func(e entry) (bool, error) {
			add(e.ref)
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	if t.Session != "" {
		some, err := v.queries(ctx)
		if err != nil {
			return nil, err
		}
		add(some...)
	}
	return refs, nil
}

// queries returns all objects that may have a session, which no index has.
func (v *view) queries(ctx context.Context) (refs []Ref, err error) {
	span := mvcc.SideSpan{Table: versionTable, From: []byte(sessions)}
	for {
		key, err := v.next(ctx, span)
		if err != nil || key == nil {
			return refs, err
		}
		span.From = beyond(key)
		ref, err := refOf(key)
		if err != nil {
			return nil, err
		}
		if ref.Resource.Resource > sessions {
			return refs, nil
		}
		if ref.Resource.Resource == sessions {
			refs = append(refs, ref)
		}
	}
}
