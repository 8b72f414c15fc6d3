package history

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// objectRow is a row of an object with its versions, and the size of its key and data.
type objectRow struct {
	key     []byte
	records []record
	bytes   int
}

// stored has the rows of an object in the archive, in order.
type stored struct {
	*view
	ref  Ref
	rows []objectRow
	// size is their size, minus what is removed.
	size Stored
}

// rowsOf reads the rows of an object.
func (v *view) rowsOf(ctx context.Context, ref Ref) (*stored, error) {
	s := &stored{view: v, ref: ref}
	v.mu.Lock()
	clear(v.whole)
	clear(v.records)
	v.mu.Unlock()
	q := mvcc.SideQuery{SideSpan: mvcc.SidePrefix(versionTable, ref.key())}
	for {
		page, err := v.side.Page(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Rows {
			records, err := decodeRow(ref, page.Rows[i].Data)
			if err != nil {
				return nil, err
			}
			v.note(ref, records)
			row := objectRow{page.Rows[i].Key, records, sizeOf(&page.Rows[i])}
			s.rows = append(s.rows, row)
			s.size.add(Stored{Rows: 1, Bytes: int64(row.bytes)})
		}
		if !page.More || len(page.Rows) == 0 {
			return s, nil
		}
		q.After = page.Rows[len(page.Rows)-1].Cursor()
	}
}

// newest returns the newest version of the rows; nil for none.
func (s *stored) newest() (last *Version) {
	for _, row := range s.rows {
		for _, r := range row.records {
			if last == nil || r.Revision > last.Revision {
				last = r.Version
			}
		}
	}
	return last
}

// copied reports whether a version is in more than one row.
func (s *stored) copied() bool {
	seen := map[int64]bool{}
	for _, row := range s.rows {
		for _, r := range row.records {
			if seen[r.Revision] {
				return true
			}
			seen[r.Revision] = true
		}
	}
	return false
}

// versions returns the versions of the rows, oldest first and each once, with their objects.
func (s *stored) versions(ctx context.Context) ([]*Version, error) {
	var all []record
	for _, row := range s.rows {
		all = append(all, row.records...)
	}
	var versions []*Version
	for _, r := range inOrder(all, false) {
		v, err := s.version(ctx, r, true)
		if err != nil {
			return nil, err
		}
		if r.salt != nil {
			object, err := s.object(ctx, r)
			if err != nil {
				return nil, err
			}
			v.leaf = leafOf(v, object)
		}
		versions = append(versions, v)
	}
	return versions, nil
}

// remover removes versions, several at a time. It first appends the remaining parts of their rows,
// then deletes the index rows, and then the version rows. After an interruption, the next removal
// finds and removes the rest.
type remover struct {
	*view
	turn *turn
	// purges is true if versions are looked up by user: the user rows are deleted last.
	purges bool
	gone   []*Version
	rows   []mvcc.SideRow
	old    []oldRows
	last   []oldRows
	steps  []oldRows
}

// oldRows are the oldest n rows of a key, which are deleted.
type oldRows struct {
	table string
	key   []byte
	n     int
	// newest is the id of the last of them, 0 if it has not been read.
	newest int64
}

// removeAtOnce is how many versions are removed at a time.
const removeAtOnce = 2000

// remove removes versions of an object, and older copies of rows that an interrupted removal has
// left.
func (r *remover) remove(ctx context.Context, s *stored, gone []*Version) error {
	if len(gone) == 0 && !s.copied() {
		return nil
	}
	if err := r.turn.renew(ctx); err != nil {
		return err
	}
	away := map[int64]bool{}
	uids := map[string]*Version{}
	for _, g := range gone {
		away[g.Revision] = true
		uids[g.UID] = g
	}
	var rows []mvcc.SideRow
	for i := 0; i < len(s.rows); {
		n := i + 1
		for n < len(s.rows) && slices.Equal(s.rows[n].key, s.rows[i].key) {
			n++
		}
		more, changed, err := r.left(ctx, s.rows[i:n], away, uids)
		if err != nil {
			return err
		}
		if changed {
			for j := range more {
				s.size.add(Stored{Rows: 1, Bytes: int64(sizeOf(&more[j]))})
			}
			for _, row := range s.rows[i:n] {
				s.size.add(Stored{Rows: -1, Bytes: -int64(row.bytes)})
			}
			rows = append(rows, more...)
			r.old = append(r.old, oldRows{table: versionTable, key: s.rows[i].key, n: n - i})
		}
		i = n
	}
	// The row of a live object's UID is kept, because it also finds the later versions.
	if last := s.newest(); last != nil && !last.Deleted {
		delete(uids, last.UID)
	}
	for uid, v := range uids {
		if uid != "" {
			r.last = append(r.last, oldRows{table: uidTable, key: uidRow(v).Key, n: mvcc.MaxSideRows})
		}
	}
	r.rows, r.gone = append(r.rows, rows...), append(r.gone, gone...)
	if len(r.gone) >= removeAtOnce {
		return r.finish(ctx)
	}
	if len(r.rows) >= stepRows {
		return r.append(ctx)
	}
	return nil
}

// append appends the remaining parts of rows.
func (r *remover) append(ctx context.Context) error {
	for _, part := range calls(r.rows) {
		if err := r.turn.append(ctx, part...); err != nil {
			return err
		}
	}
	r.rows = nil
	return nil
}

// left returns the remaining parts of the rows of a key, if they change. It deletes UIDs that
// remain from uids.
func (r *remover) left(ctx context.Context, rows []objectRow, away map[int64]bool, uids map[string]*Version) (left []mvcc.SideRow, changed bool, err error) {
	var all []record
	for _, row := range rows {
		all = append(all, row.records...)
	}
	var kept []record
	var prev []byte // the object of the previous version, if it is in the row
	there := len(all)
	all = inOrder(all, false)
	changed = len(all) < there
	for _, one := range all {
		if away[one.Revision] {
			changed, prev = true, nil
			continue
		}
		delete(uids, one.UID)
		object, err := r.object(ctx, one)
		if err != nil {
			return nil, false, err
		}
		if away[one.base] {
			changed = true
			one.base, one.body = 0, object
			if n := len(kept); n > 0 && prev != nil {
				one.reduce(kept[n-1].Revision, prev)
			}
		}
		kept, prev = append(kept, one), object
	}
	if !changed || len(kept) == 0 {
		return nil, changed, nil
	}
	_, start, err := cutRevision(rows[0].key)
	if err != nil {
		return nil, false, err
	}
	left, err = objectRows(kept, start)
	return left, true, err
}

// finish deletes the old rows.
func (r *remover) finish(ctx context.Context) error {
	if err := r.append(ctx); err != nil {
		return err
	}
	if err := r.chain(ctx); err != nil {
		return err
	}
	byOwner := map[owned]map[version]bool{}
	for _, v := range r.gone {
		for _, o := range owners(v) {
			if byOwner[o] == nil {
				byOwner[o] = map[version]bool{}
			}
			byOwner[o][version{v.Ref(), v.Revision}] = true
		}
	}
	// A verification uses the step rows to find the remains of an interrupted removal, so they are
	// deleted last.
	steps := owned{table: stepTable}
	var err error
	if r.steps, err = r.unindex(ctx, steps, byOwner[steps]); err != nil {
		return err
	}
	delete(byOwner, steps)
	var others []oldRows
	for o, gone := range byOwner {
		old, err := r.unindex(ctx, o, gone)
		if err != nil {
			return err
		}
		if r.purges && o.table == userTable {
			r.last = append(r.last, old...)
		} else {
			others = append(others, old...)
		}
	}
	if err := r.noteRest(ctx); err != nil {
		return err
	}
	for _, old := range [][]oldRows{others, r.old, r.last, r.steps} {
		if err := r.delete(ctx, old); err != nil {
			return err
		}
	}
	ends := len(r.steps)+len(r.last) > 0
	r.gone, r.old, r.last, r.steps = nil, nil, nil, nil
	if ends {
		return r.takeRest(ctx, r.turn)
	}
	return nil
}

// chain adds the removal of versions to the hash chain, before they are removed.
func (r *remover) chain(ctx context.Context) error {
	var leaves []hash
	for _, v := range r.gone {
		if v.salt != nil {
			leaves = append(leaves, v.leaf)
		}
	}
	if len(leaves) == 0 {
		return nil
	}
	return r.change(ctx, func(p *progress) ([]mvcc.SideRow, bool) {
		return []mvcc.SideRow{p.Chain.removal(r.purges, time.Now(), leaves)}, true
	})
}

// deleters is how many deletes run concurrently: they share one transaction.
const deleters = 32

// delete deletes rows, several at once. The rows of an object's versions are deleted one by one and
// the newest first. So a version always has its base while it exists, and the removal that follows
// an interrupted one can still read it.
func (r *remover) delete(ctx context.Context, old []oldRows) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(deleters)
	for len(old) > 0 {
		n := 1
		for n < len(old) && sameObject(old[0], old[n]) {
			n++
		}
		chain := old[:n]
		old = old[n:]
		group.Go(func() error {
			for _, o := range slices.Backward(chain) {
				if err := r.deleteKey(ctx, o); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// sameObject reports whether two keys belong to versions of one object.
func sameObject(a, b oldRows) bool {
	if a.table != versionTable || b.table != versionTable {
		return false
	}
	of, _, err := cutRevision(a.key)
	other, _, err2 := cutRevision(b.key)
	return err == nil && err2 == nil && slices.Equal(of, other)
}

func (r *remover) deleteKey(ctx context.Context, o oldRows) error {
	for left := o.n; left > 0; {
		n, more, err := r.turn.delete(ctx, mvcc.SideKey(o.table, o.key), left)
		if err != nil {
			return err
		}
		if left -= n; !more {
			return nil
		}
	}
	return nil
}
