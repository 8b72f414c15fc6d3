package history

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Verification is the result of a verification of the hash chain.
type Verification struct {
	// Head is the head of the chain that was verified.
	Head Head
	// Versions counts those that are in the chain and unchanged; Removed those of which only the hash
	// is left, because a policy or a purge has removed them; Unchained those that were archived
	// without a chain.
	Versions, Removed, Unchained int64
	// Break describes the first difference from what was written; "" for none.
	Break string
}

// ErrNoChain reports that there is no hash chain to verify.
var ErrNoChain = errors.New("the history has no hash chain: start the server with --history-chain")

// breakError is a break of the chain.
type breakError struct{ what string }

func (e *breakError) Error() string { return e.what }

func broken(format string, args ...any) error { return &breakError{fmt.Sprintf(format, args...)} }

// Verify compares all archived versions with the hash chain, and the chain with heads that were
// kept elsewhere. No versions are removed while it runs.
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

// verifier verifies the chain up to its end at the start of the verification.
type verifier struct {
	*view
	turn *turn
	kept []Head
	done *Verification
	// removed are the leaves of removed versions.
	removed map[[removedSize]byte]bool
	// covered are the revisions that the chain covers.
	covered []covered
	// gone are the revisions of removed versions. Rows may still have versions of an interrupted
	// removal.
	gone map[int64]bool
	// found counts the rows to which links have led, by table, except those of removed revisions.
	found map[string]int64
	// uids are some of the keys of the UID table.
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

// found is a version of a step.
type found struct {
	record
	// removed is true if it is about to be removed.
	removed bool
}

// step verifies the versions of a link, and their index entries.
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

// objectOf verifies a link's versions of an object, and deletes them from leaves.
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
