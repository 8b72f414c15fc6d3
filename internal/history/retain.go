package history

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Report lists what a pass or a purge removes, or would remove.
type Report struct {
	// Objects and Versions are the numbers in the archive; for a purge only those that it examined.
	Objects, Versions int
	// Removed counts the removed versions, by resource.
	Removed map[string]int
	// Gone are the versions that a pass removes, without their objects, in the order of their removal:
	// the first maxGone.
	Gone []*Version
	// Digest is the hash of all of them, in that order: reports with the same digest are about the
	// same versions.
	Digest [sha256.Size]byte
	// Purged are the objects from which a purge by UID or session has removed versions.
	Purged []Purged
}

// Purged is an object, by its UID, from which a purge has removed versions.
type Purged struct {
	Ref
	UID string
}

// maxGone bounds the versions that a report names.
const maxGone = 10_000

func (r *Report) add(gone []*Version) {
	for _, v := range gone {
		r.Removed[v.Resource.String()]++
	}
}

// name adds versions to those that the report names.
func (r *Report) name(gone []*Version) {
	for _, v := range gone {
		if len(r.Gone) < maxGone {
			r.Gone = append(r.Gone, clean(v, false))
		}
		b := appendBytes(r.Digest[:], 0, v.Ref().key())
		r.Digest = sha256.Sum256(binary.AppendVarint(appendBytes(b, 0, v.UID), v.Revision))
	}
}

// Retain removes the versions that the policy does not keep at a time, object by object, and lets
// other transactions run in between. With dry it removes nothing: the report is that of a pass at
// the same time.
func (a *Archive) Retain(ctx context.Context, p Policy, now time.Time, dry bool) (Report, error) {
	if dry {
		report := Report{Removed: map[string]int{}}
		return report, a.retain(ctx, nil, p, now, &report)
	}
	return a.removes(ctx, func(t *turn, report *Report) error { return a.retain(ctx, t, p, now, report) })
}

// retain is Retain in a turn; a nil turn is a dry run.
func (a *Archive) retain(ctx context.Context, t *turn, p Policy, now time.Time, report *Report) error {
	dry := t == nil
	report.Objects, report.Versions = 0, 0
	v, err := a.view(ctx)
	if err != nil {
		return err
	}
	if !dry {
		// Before any version is removed, older as-of lists are given up.
		if err := a.giveUp(ctx, now.Add(-p.Exact)); err != nil {
			return err
		}
	}
	r := &remover{view: v, turn: t}
	span := mvcc.SideSpan{Table: versionTable}
	stored := map[Resource]Stored{}
	for {
		key, err := v.next(ctx, span)
		if err == nil && key == nil {
			if err = r.finish(ctx); err == nil {
				a.stored.Store(&stored)
			}
			return err
		}
		if err != nil {
			return errors.Join(err, r.finish(ctx))
		}
		span.From = beyond(key)
		begin := time.Now()
		ref, err := refOf(key)
		if err != nil {
			return err
		}
		rows, err := v.rowsOf(ctx, ref)
		if err != nil {
			return err
		}
		all, err := rows.versions(ctx)
		if err != nil {
			return err
		}
		report.Objects++
		report.Versions += len(all)
		newest := len(all) - 1
		// A change that is only in the log replaces the newest version of the archive, and will be a
		// delta of it.
		replaces := func(c *change) bool { return c.ref == ref && (newest < 0 || c.commit.Revision > all[newest].Revision) }
		if i := slices.IndexFunc(v.tail, replaces); i >= 0 {
			all = append(all, v.tail[i].version())
		}
		gone := p.drop(all, now)
		gone = slices.DeleteFunc(gone, func(g *Version) bool {
			return g.Revision > v.UpTo || len(all) > newest+1 && g.Revision == all[newest].Revision
		})
		report.add(gone)
		report.name(gone)
		rows.size.Versions = int64(newest + 1)
		if !dry {
			if err := r.remove(ctx, rows, gone); err != nil {
				return err
			}
			rows.size.Versions -= int64(len(gone))
		}
		sum := stored[ref.Resource]
		sum.add(rows.size)
		stored[ref.Resource] = sum
		if dry || len(gone) == 0 {
			continue
		}
		if err := wait(ctx, time.Since(begin)*stepRest); err != nil {
			return err
		}
	}
}

// giveUp makes lists as of a time before t fail from now on.
func (a *Archive) giveUp(ctx context.Context, t time.Time) error {
	at, err := a.RevisionAt(ctx, t)
	if err != nil {
		return nil //nolint:nilerr // the history is younger: nothing goes
	}
	return a.change(ctx, func(p *progress) ([]mvcc.SideRow, bool) {
		older := p.Exact < at
		p.Exact, p.ExactTime = at, t.UnixMilli()
		return nil, older
	})
}

// keepWhole ensures that no version that is archived from now on is a delta of an existing one, and
// that the existing ones are archived. It returns the revision of the newest of them. Only versions
// up to it may be removed freely, because a later one may become the base of another at any time.
func (a *Archive) keepWhole(ctx context.Context) (whole int64, err error) {
	now, err := a.store.Snapshot(ctx, 0)
	if err != nil {
		return 0, err
	}
	whole = now.Revision()
	err = a.change(ctx, func(p *progress) ([]mvcc.SideRow, bool) {
		p.Whole = max(p.Whole, whole)
		return nil, p.From > 0
	})
	for err == nil {
		var p progress
		if p, err = a.load(ctx); err == nil && p.From > 0 && p.UpTo >= whole {
			return whole, nil
		}
		if err == nil && a.store.Maintains() {
			err = a.advance(ctx)
		} else if err == nil {
			err = wait(ctx, pollInterval)
		}
	}
	return 0, err
}
