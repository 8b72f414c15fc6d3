package history

import (
	"cmp"
	"context"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// finds verifies that the indexes have exactly the entries of the versions.
func (v *verifier) finds(ctx context.Context, l *link, all []found, steps []entry) error {
	expected := map[owned]map[entry]bool{{table: stepTable}: {}}
	for _, one := range all {
		if one.removed {
			continue
		}
		for _, o := range owners(one.Version) {
			if expected[o] == nil {
				expected[o] = map[entry]bool{}
			}
			expected[o][entry{one.Ref(), one.Revision, one.Time.UnixMilli()}] = true
			if !v.gone[one.Revision] {
				v.found[o.table]++
			}
		}
		if !v.gone[one.Revision] {
			v.found[versionTable]++
		}
		if err := v.uid(ctx, l, one.Version); err != nil {
			return err
		}
	}
	for o, want := range expected {
		got := steps
		if o.table != stepTable {
			var err error
			if got, err = v.indexed(ctx, o, l.start); err != nil {
				return err
			}
		}
		for _, e := range got {
			if !want[e] && !v.gone[e.revision] {
				return broken("link %d of the chain: %s has revision %d of %s %s/%s, which is not there", l.number, o.table, e.revision, e.ref.Resource, e.ref.Namespace, e.ref.Name)
			}
			delete(want, e)
		}
		for e := range want {
			return broken("link %d of the chain: %s does not have revision %d of %s %s/%s", l.number, o.table, e.revision, e.ref.Resource, e.ref.Namespace, e.ref.Name)
		}
	}
	return nil
}

// indexed reads the entries of a step in an owner's index.
func (v *verifier) indexed(ctx context.Context, o owned, start int64) (all []entry, err error) {
	err = v.each(ctx, mvcc.SideKey(o.table, withRevision([]byte(o.key), start)), func(row *mvcc.SideRow) error {
		entries, err := decodeIndex(row.Data)
		all = append(all, entries...)
		if err != nil {
			return broken("a row of %s for revision %d cannot be read", o.table, start)
		}
		return nil
	})
	return inOrder(all, false), err
}

// maxUIDs bounds the UIDs that a verification caches.
const maxUIDs = 100_000

// uid verifies that the UID table has a version's object.
func (v *verifier) uid(ctx context.Context, l *link, one *Version) error {
	key := uidRow(one).Key
	if one.UID == "" || v.uids[string(key)] {
		return nil
	}
	n, err := v.side.Count(ctx, mvcc.SideKey(uidTable, key))
	if err != nil {
		return err
	}
	if n == 0 {
		return broken("link %d of the chain: %s does not have %s %s/%s", l.number, uidTable, one.Resource, one.Namespace, one.Name)
	}
	if len(v.uids) >= maxUIDs {
		clear(v.uids)
	}
	v.uids[string(key)] = true
	return nil
}

// others looks for rows to which no link has led: for the revisions that the chain covers, there
// must be none.
func (v *verifier) others(ctx context.Context) error {
	for _, table := range []string{versionTable, stepTable, namespaceTable, userTable} {
		all := int64(0)
		var key []byte
		var revisions []version // in the rows of a key
		next := func() {
			slices.SortFunc(revisions, version.compare)
			for _, one := range slices.Compact(revisions) {
				switch {
				case v.gone[one.revision]:
				case v.covers(one.revision):
					all++
				case table == versionTable && one.revision <= v.UpTo:
					v.done.Unchained++
				}
			}
			revisions = revisions[:0]
		}
		err := v.each(ctx, mvcc.SideSpan{Table: table}, func(row *mvcc.SideRow) error {
			if !slices.Equal(key, row.Key) {
				next()
				key = row.Key
			}
			some, err := versionsOf(table, row)
			if err != nil {
				return broken("%s has a row that cannot be read", table)
			}
			revisions = append(revisions, some...)
			return nil
		})
		if err != nil {
			return err
		}
		if next(); all != v.found[table] {
			return broken("%s has %d entries of revisions that the chain covers, and links lead to %d", table, all, v.found[table])
		}
	}
	return nil
}

func (v *verifier) covers(revision int64) bool {
	return slices.ContainsFunc(v.covered, func(c covered) bool { return revision >= c.from && revision <= c.upTo })
}

func (v version) compare(other version) int {
	return cmp.Or(cmp.Compare(v.revision, other.revision), v.Ref.compare(other.Ref))
}

// versionsOf returns the versions that a row contains, or refers to.
func versionsOf(table string, row *mvcc.SideRow) (all []version, err error) {
	if table != versionTable {
		entries, err := decodeIndex(row.Data)
		for _, e := range entries {
			all = append(all, version{e.ref, e.revision})
		}
		return all, err
	}
	key, _, err := cutRevision(row.Key)
	if err != nil {
		return nil, err
	}
	ref, err := refOf(key)
	if err != nil {
		return nil, err
	}
	records, err := decodeRow(ref, row.Data)
	for _, r := range records {
		all = append(all, version{ref, r.Revision})
	}
	return all, err
}
