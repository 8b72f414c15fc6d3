package history

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Verification is what a verification of the hash chain has found.
type Verification struct {
	// Head is that of the chain which was verified.
	Head Head
	// Versions are in the chain and as they were archived; Removed are those of which only the hash is left, because a policy or
	// a purge has removed them; Unchained were archived without a chain.
	Versions, Removed, Unchained int64
	// Break is the first thing that is not as it was written; "" for none.
	Break string
}

// ErrNoChain says that there is nothing to verify.
var ErrNoChain = errors.New("the history has no hash chain: start the server with --history-chain")

// breakError is a break of the chain.
type breakError struct{ what string }

func (e *breakError) Error() string { return e.what }

func broken(format string, args ...any) error { return &breakError{fmt.Sprintf(format, args...)} }

// Verify compares all that is archived with the hash chain, and that with heads which were kept elsewhere. No versions are
// removed while it runs.
func (a *Archive) Verify(ctx context.Context, kept []Head) (Verification, error) {
	var done Verification
	a.removing.Lock()
	defer a.removing.Unlock()
	t, err := a.takeTurn(ctx)
	if err != nil {
		return done, err
	}
	p, err := a.load(ctx)
	if err == nil {
		view := &view{Archive: a, progress: p, records: map[version]record{}, whole: map[version][]byte{}}
		v := &verifier{
			view: view, turn: t, kept: kept, done: &done, removed: map[[removedSize]byte]bool{}, gone: map[int64]bool{}, found: map[string]int64{},
			uids: map[string]bool{},
		}
		err = v.run(ctx)
	}
	if ending := t.end(ctx); !isChanged(ending) {
		err = errors.Join(err, ending)
	}
	var b *breakError
	switch {
	case errors.As(err, &b):
		done.Break = b.what
		return done, nil
	case errors.Is(err, errDamaged):
		done.Break = "a row cannot be read: " + err.Error()
		return done, nil
	}
	return done, err
}

// verifier verifies the chain up to the end that it had when the verification began.
type verifier struct {
	*view
	turn *turn
	kept []Head
	done *Verification
	// removed are the leaves whose versions have been removed.
	removed map[[removedSize]byte]bool
	// covered are the revisions that the chain covers.
	covered []covered
	// gone are the revisions of the versions that have been removed. Rows may still have what was removed by a removal that was
	// cut off.
	gone map[int64]bool
	// found counts what links have led to, by table, but for the revisions that are gone.
	found map[string]int64
	// uids are some of the keys that the table of UIDs has.
	uids map[string]bool
}

type covered struct{ from, upTo int64 }

func (v *verifier) run(ctx context.Context) error {
	v.done.Head = v.Chain.head()
	if v.Chain.Links == 0 && len(v.kept) == 0 {
		if n, err := v.side.Count(ctx, mvcc.SidePrefix(chainTable, nil)); err != nil || n == 0 {
			return errors.Join(err, ErrNoChain)
		}
	}
	if err := v.links(ctx); err != nil {
		return err
	}
	if err := v.eachLink(ctx, func(l *link) error {
		if l.kind != linkVersions {
			return nil
		}
		if err := v.turn.renew(ctx); err != nil {
			return err
		}
		return v.step(ctx, l)
	}); err != nil {
		return err
	}
	return v.others(ctx)
}

// each visits the rows of a span.
func (v *verifier) each(ctx context.Context, span mvcc.SideSpan, visit func(*mvcc.SideRow) error) error {
	q := mvcc.SideQuery{SideSpan: span}
	for {
		page, err := v.side.Page(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			if err := visit(&page.Rows[i]); err != nil {
				return err
			}
		}
		if !page.More || len(page.Rows) == 0 {
			return nil
		}
		q.After = page.Rows[len(page.Rows)-1].Cursor()
	}
}

func (v *verifier) eachLink(ctx context.Context, visit func(*link) error) error {
	next := int64(1)
	return v.each(ctx, mvcc.SideSpan{Table: chainTable, To: withRevision(nil, v.Chain.Links+1)}, func(row *mvcc.SideRow) error {
		l, err := readLink(row)
		switch {
		case err != nil:
			return broken("link %d of the chain cannot be read", next)
		case l.number > next:
			return broken("link %d of the chain is missing", next)
		case l.number < next:
			return broken("link %d of the chain is there twice", l.number)
		}
		next++
		return visit(l)
	})
}

// links verifies the links themselves, and collects what they say has gone and what they cover.
func (v *verifier) links(ctx context.Context) error {
	var before []byte
	n := int64(0)
	err := v.eachLink(ctx, func(l *link) error {
		n = l.number
		if linkHash(before, l.number, l.body) != l.sum {
			return broken("link %d of the chain does not follow from the one before it and from what it has", l.number)
		}
		before = l.sum[:]
		for _, h := range v.kept {
			if h.Links == l.number && h.Hash != hex.EncodeToString(l.sum[:]) {
				return broken("link %d of the chain is %x, and the head %s was kept elsewhere", l.number, l.sum, h)
			}
		}
		for _, one := range l.removed {
			v.removed[one] = true
		}
		if l.kind == linkVersions {
			if last := len(v.covered) - 1; last >= 0 && v.covered[last].upTo == l.from-1 {
				v.covered[last].upTo = l.upTo
			} else {
				v.covered = append(v.covered, covered{l.from, l.upTo})
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case n < v.Chain.Links:
		return broken("the chain ends with link %d, and the archive has written %d", n, v.Chain.Links)
	case hex.EncodeToString(before) != hex.EncodeToString(v.Chain.Head):
		return broken("link %d of the chain is %x, and the archive has written %x", n, before, v.Chain.Head)
	}
	for _, h := range v.kept {
		if h.Links > n {
			return broken("the chain ends with link %d, and the head %s was kept elsewhere", n, h)
		}
	}
	if n == 0 {
		return broken("the archive has written no chain, and there are links of one")
	}
	if last := len(v.covered) - 1; last >= 0 {
		v.covered[last].upTo = max(v.covered[last].upTo, v.Chain.UpTo)
	}
	return nil
}

// found is a version of a step.
type found struct {
	record
	// removed says that it is about to be removed.
	removed bool
}

// step verifies the versions of a link, and how they are found.
func (v *verifier) step(ctx context.Context, l *link) error {
	entries, err := v.indexed(ctx, owned{table: stepTable}, l.start)
	if err != nil {
		return err
	}
	leaves := map[hash]int64{}
	for _, one := range l.leaves {
		leaves[one.hash] = one.revision
		if v.removed[[removedSize]byte(one.hash[:])] {
			v.gone[one.revision] = true
		}
	}
	var all []found
	seen := map[Ref]bool{}
	for _, e := range entries {
		if seen[e.ref] {
			continue
		}
		seen[e.ref] = true
		some, err := v.objectOf(ctx, l, e.ref, leaves)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	for _, one := range l.leaves {
		if _, left := leaves[one.hash]; !left {
			continue
		}
		if !v.removed[[removedSize]byte(one.hash[:])] {
			return broken("link %d of the chain: the version of revision %d is missing, and nothing says that it was removed", l.number, one.revision)
		}
		v.done.Removed++
	}
	return v.finds(ctx, l, all, entries)
}

// objectOf verifies the versions that a link has of an object, and takes them from the leaves.
func (v *verifier) objectOf(ctx context.Context, l *link, ref Ref, leaves map[hash]int64) (all []found, err error) {
	var records []record
	err = v.each(ctx, mvcc.SideKey(versionTable, ref.versionKey(l.start)), func(row *mvcc.SideRow) error {
		some, err := decodeRow(ref, row.Data)
		if err != nil {
			return broken("link %d of the chain: a row of %s %s/%s cannot be read", l.number, ref.Resource, ref.Namespace, ref.Name)
		}
		records = append(records, some...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		name := fmt.Sprintf("%s %s/%s of revision %d", ref.Resource, ref.Namespace, ref.Name, r.Revision)
		twice := slices.ContainsFunc(records[:i], func(other record) bool { return other.Revision == r.Revision })
		object, err := v.object(ctx, r)
		if errors.Is(err, errDamaged) {
			return nil, broken("link %d of the chain: %s cannot be rebuilt", l.number, name)
		}
		if err != nil {
			return nil, err
		}
		sum := leafOf(r.Version, object)
		if revision, ok := leaves[sum]; r.salt == nil || !twice && (!ok || revision != r.Revision) {
			return nil, broken("link %d of the chain: %s is not what was archived", l.number, name)
		}
		if twice {
			if first := all[slices.IndexFunc(all, func(f found) bool { return f.Revision == r.Revision })]; first.leaf != sum {
				return nil, broken("link %d of the chain: %s is there twice, and differs", l.number, name)
			}
			continue
		}
		delete(leaves, sum)
		r.leaf = sum
		removed := v.removed[[removedSize]byte(sum[:])]
		if removed {
			v.done.Removed++
		} else {
			v.done.Versions++
		}
		all = append(all, found{r, removed})
	}
	return all, nil
}

// finds verifies that versions are found by what they are, and nothing else is.
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

// indexed reads what an index has of a step for an owner.
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

// maxUIDs bounds the UIDs that a verification remembers.
const maxUIDs = 100_000

// uid verifies that a version's object is found by its UID.
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

// others looks for what no link has led to: of the revisions that the chain covers, nothing may be there besides.
func (v *verifier) others(ctx context.Context) error {
	for _, table := range []string{versionTable, stepTable, namespaceTable, userTable} {
		all := int64(0)
		var key []byte
		var revisions []version // of the rows of a key
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

// versionsOf are the versions that a row has, or finds.
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
