package history

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// A removal deletes the rows by which it finds versions last, and so it does the step rows, by
// which a verification finds the remains of an interrupted removal. If it is interrupted at that
// point, nothing else refers to those rows, and they contain the names of the objects. So before
// any version is removed, it records these rows in the state, as the rest; the next removal, of any
// kind, deletes those whose versions are gone.
var restKey = []byte("rest")

// noted is a recorded entry: all rows of a key up to an id are to be deleted.
type noted struct {
	table  string
	key    []byte
	newest int64
}

func (n noted) appendTo(data []byte) []byte {
	return binary.AppendUvarint(appendBytes(appendBytes(data, 0, n.table), 0, n.key), uint64(n.newest))
}

// noteRest records the rows that are deleted last.
func (r *remover) noteRest(ctx context.Context) error {
	var data []byte
	for _, old := range slices.Concat(r.steps, r.last) {
		if old.newest == 0 {
			page, err := r.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(old.table, old.key), Limit: old.n, MaxBytes: mvcc.MaxSideData})
			if err != nil {
				return err
			}
			if len(page.Rows) == 0 {
				continue
			}
			old.newest = page.Rows[len(page.Rows)-1].ID
		}
		data = noted{old.table, old.key, old.newest}.appendTo(data)
	}
	if data == nil {
		return nil
	}
	return r.turn.append(ctx, mvcc.SideRow{Table: stateTable, Key: restKey, Data: data})
}

// takeRest deletes the rows that earlier removals have recorded. Rows that still have versions stay
// recorded.
func (a *Archive) takeRest(ctx context.Context, t *turn) error {
	page, err := a.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(stateTable, restKey)})
	if err != nil || len(page.Rows) == 0 {
		return err
	}
	v, err := a.view(ctx)
	if err != nil {
		return err
	}
	var left []byte
	for i := range page.Rows {
		in := &input{rest: page.Rows[i].Data}
		for len(in.rest) > 0 {
			one := noted{string(in.bytes(in.number())), in.bytes(in.number()), int64(in.number())}
			if in.damaged {
				return errDamaged
			}
			taken, err := v.take(ctx, t, one)
			if err != nil {
				return err
			}
			if !taken {
				left = one.appendTo(left)
			}
		}
	}
	if left != nil {
		if err := t.append(ctx, mvcc.SideRow{Table: stateTable, Key: restKey, Data: left}); err != nil {
			return err
		}
	}
	_, _, err = t.side.DeleteIf(ctx, t.at, mvcc.SideKey(stateTable, restKey), time.Time{}, len(page.Rows))
	return err
}

// take deletes rows, unless they are the only ones that find an existing version.
func (v *view) take(ctx context.Context, t *turn, rest noted) (taken bool, err error) {
	span := mvcc.SideKey(rest.table, rest.key)
	page, err := v.side.Page(ctx, mvcc.SideQuery{SideSpan: span, MaxBytes: mvcc.MaxSideData})
	if err != nil {
		return false, err
	}
	n := 0
	for n < len(page.Rows) && page.Rows[n].ID <= rest.newest {
		n++
	}
	if n == 0 {
		return true, nil
	}
	finds := v.findsByIndex
	if rest.table == uidTable {
		finds = v.findsByUID
	}
	if found, err := finds(ctx, page.Rows, n); err != nil || found {
		return false, err
	}
	_, _, err = t.delete(ctx, span, n)
	return err == nil, err
}

// findsByIndex reports whether the first n rows of an index key name an existing version that the
// other rows do not name.
func (v *view) findsByIndex(ctx context.Context, rows []mvcc.SideRow, n int) (bool, error) {
	named := map[version]bool{}
	for i := range rows {
		entries, err := decodeIndex(rows[i].Data)
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if one := (version{e.ref, e.revision}); i < n {
				named[one] = true
			} else {
				delete(named, one)
			}
		}
	}
	for one := range named {
		if found, err := v.find(ctx, one.Ref, one.revision); err != nil || found != nil {
			return found != nil, err
		}
	}
	return false, nil
}

// findsByUID reports whether the object of a UID row has a version.
func (v *view) findsByUID(ctx context.Context, rows []mvcc.SideRow, _ int) (bool, error) {
	ref, err := refOfUID(rows[0].Key)
	if err != nil {
		return false, err
	}
	there, err := v.rowsOf(ctx, ref)
	if err != nil {
		return false, err
	}
	for _, row := range there.rows {
		for _, r := range row.records {
			if bytes.HasPrefix(rows[0].Key, ownerKey(r.UID)) {
				return true, nil
			}
		}
	}
	return false, nil
}
