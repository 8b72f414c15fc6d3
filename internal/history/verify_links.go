package history

import (
	"context"
	"encoding/hex"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// each calls visit for the rows of a span.
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

// links verifies the links themselves, and collects the removed versions and the covered revisions.
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
