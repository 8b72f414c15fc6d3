package history

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Report says what a pass or a purge takes away, or would take.
type Report struct {
	// Objects and Versions are how many there are in the archive; of a purge only those that it looked at.
	Objects, Versions int
	// Removed counts the versions that go, by resource.
	Removed map[string]int
}

func (r *Report) add(gone []*Version) {
	for _, v := range gone {
		r.Removed[v.Resource.String()]++
	}
}

// Retain removes what the policy does not keep at a time, object by object, and leaves the database to others between them.
// With dry it removes nothing: the report is the one of a pass at the same time.
func (a *Archive) Retain(ctx context.Context, p Policy, now time.Time, dry bool) (Report, error) {
	report := Report{Removed: map[string]int{}}
	v, err := a.view(ctx)
	if err != nil {
		return report, err
	}
	if !dry {
		// Before anything goes, as-of lists older than that are given up.
		if err := a.giveUp(ctx, now.Add(-p.Exact)); err != nil {
			return report, err
		}
	}
	span := mvcc.SideSpan{Table: versionTable}
	for {
		key, err := v.next(ctx, span)
		if err != nil || key == nil {
			return report, err
		}
		span.From = beyond(key)
		begin := time.Now()
		ref, err := refOf(key)
		if err != nil {
			return report, err
		}
		all, err := v.versionsOf(ctx, ref)
		if err != nil {
			return report, err
		}
		report.Objects++
		report.Versions += len(all)
		// A version that is in the log only replaces the newest one of the archive.
		if i := slices.IndexFunc(v.tail, func(t *Version) bool { return t.Ref() == ref }); i >= 0 {
			all = append(all, v.tail[i])
		}
		gone := p.drop(all, now)
		gone = slices.DeleteFunc(gone, func(g *Version) bool { return g.Revision > v.UpTo })
		report.add(gone)
		if dry || len(gone) == 0 {
			continue
		}
		if err := v.remove(ctx, all, gone); err != nil {
			return report, err
		}
		if err := wait(ctx, time.Since(begin)*stepRest); err != nil {
			return report, err
		}
	}
}

// giveUp refuses lists as of a time before t from now on.
func (a *Archive) giveUp(ctx context.Context, t time.Time) error {
	at, err := a.RevisionAt(ctx, t)
	if err != nil {
		return nil //nolint:nilerr // the history is younger: nothing goes
	}
	a.step.Lock()
	defer a.step.Unlock()
	p, err := a.load(ctx)
	if err != nil || p.Exact >= at {
		return err
	}
	p.Exact, p.ExactTime = at, t.UnixMilli()
	return a.save(ctx, p, nil)
}

// Purge removes all versions of an object by its UID, of every version that a user has made, or both. What is in the log
// still is not touched: compact it first. The receipt says what went.
func (a *Archive) Purge(ctx context.Context, uid, user string) (Report, error) {
	receipt := Report{Removed: map[string]int{}}
	v, err := a.view(ctx)
	if err != nil {
		return receipt, err
	}
	objects := map[Ref]bool{}
	for table, name := range map[string]string{uidTable: uid, userTable: user} {
		if name == "" {
			continue
		}
		q := mvcc.SideQuery{SideSpan: mvcc.SidePrefix(table, ownerKey(name))}
		for {
			page, err := a.side.Page(ctx, q)
			if err != nil {
				return receipt, err
			}
			for i := range page.Rows {
				ref, err := refOf(page.Rows[i].Data)
				if err != nil {
					return receipt, err
				}
				objects[ref] = true
			}
			if !page.More {
				break
			}
			q.After = page.Rows[len(page.Rows)-1].Cursor()
		}
	}
	for ref := range objects {
		all, err := v.versionsOf(ctx, ref)
		if err != nil {
			return receipt, err
		}
		var gone []*Version
		for _, one := range all {
			if uid != "" && one.UID == uid || user != "" && one.User == user {
				gone = append(gone, one)
			}
		}
		receipt.Objects++
		receipt.Versions += len(all)
		receipt.add(gone)
		if err := v.remove(ctx, all, gone); err != nil {
			return receipt, err
		}
	}
	return receipt, nil
}

// versionsOf are all versions of an object that the archive has, oldest first, with their objects.
func (v *view) versionsOf(ctx context.Context, ref Ref) (all []*Version, err error) {
	clear(v.whole)
	q := mvcc.SideQuery{SideSpan: mvcc.SidePrefix(versionTable, ref.key())}
	for {
		page, err := v.side.Page(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Rows {
			one, err := v.version(ctx, &page.Rows[i], true)
			if err != nil {
				return nil, err
			}
			if len(all) == 0 || all[len(all)-1].Revision != one.Revision {
				all = append(all, one)
			}
		}
		if !page.More {
			return all, nil
		}
		q.After = page.Rows[len(page.Rows)-1].Cursor()
	}
}

// remove takes versions of an object away; all are all of them, oldest first. Those that are deltas of one that goes are kept
// whole first. If it is cut off, what is left is found and removed again.
func (v *view) remove(ctx context.Context, all, gone []*Version) error {
	away := map[int64]bool{}
	for _, g := range gone {
		away[g.Revision] = true
	}
	for _, one := range all {
		if away[one.Revision] || one.Revision > v.UpTo {
			continue
		}
		row, r, err := v.row(ctx, one.Ref(), one.Revision)
		if err != nil {
			return err
		}
		if row == nil || r.Base == 0 || !away[r.Base] {
			continue
		}
		r.Base, r.body = 0, one.Object
		data, err := r.encode()
		if err != nil {
			return err
		}
		// Both are the same version: readers take either.
		if _, err := v.side.Append(ctx, mvcc.SideRow{Table: versionTable, Key: row.Key, Time: row.Time, Data: data}); err != nil {
			return err
		}
		if _, _, err := v.side.Delete(ctx, mvcc.SideKey(versionTable, row.Key), time.Time{}, 1); err != nil {
			return err
		}
	}
	// Deletes of many callers are one transaction.
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	for _, g := range gone {
		group.Go(func() error { return v.removeOne(ctx, g) })
	}
	return group.Wait()
}

// removeOne takes the rows of a version away. Those by which it is looked for go last.
func (v *view) removeOne(ctx context.Context, g *Version) error {
	rows := g.index(nil)
	order := append(slices.Clone(rows[1:2]), rows[0])
	for _, r := range append(order, rows[2:]...) {
		for more := true; more; {
			var err error
			if _, more, err = v.side.Delete(ctx, mvcc.SideKey(r.Table, r.Key), time.Time{}, 8); err != nil {
				return err
			}
		}
	}
	return nil
}
