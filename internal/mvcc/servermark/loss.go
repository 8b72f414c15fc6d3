package servermark

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
)

// LossError is Check's answer where the database is not what the mark says was there.
type LossError struct {
	// Store is what the mark is of, and Revision what it says was there; Present is where the
	// database is.
	Store             mark.StoreID
	Revision, Present int64
	// Other says that the database is of another store, which is no loss that can be accepted.
	Other bool

	what, file string
}

func (l *LossError) Error() string {
	if l.Other {
		return fmt.Sprintf("%s (by %s): name the database that was here, or, where this one is meant, move that file away; each database needs a folder of its own for its mark", l.what, l.file)
	}
	return fmt.Sprintf("acknowledged writes are missing: %s (by %s): the database is an older copy, as after a fail-over that lost commits: put the newer one back into service, "+
		"or go on with this one", l.what, l.file)
}

// generations is how many store ids a database has: one more with each time that its counter is
// moved on by hand, which is how marks from before learn of it (see mvcc.State).
const generations = 1 << 16

// compare returns a LossError where a state contradicts a mark.
func compare(ctx context.Context, engine mvcc.Shared, m mark.Mark, st mvcc.State, file string) error {
	store := mark.StoreID(st.Store)
	loss := &LossError{Store: m.Store, Revision: m.Revision, Present: st.Revision, file: file}
	lost := func(format string, args ...any) error {
		loss.what = fmt.Sprintf(format, args...)
		return loss
	}
	switch {
	case store/generations != m.Store/generations:
		loss.Other = true
		return lost("%s", m.Contradicts(store, st.Revision, m.Side))
	case st.Revision < m.Revision:
		return lost("it is at revision %d, but revision %d had been acknowledged", st.Revision, m.Revision)
	case store < m.Store:
		return lost("it is from before its counter was moved on")
	case store > m.Store:
		return nil // moved on since, past all that the mark knows
	}
	is := mvcc.Point{Revision: st.Revision, Batch: st.Batch}
	was := mvcc.Point{Revision: m.Revision, Batch: int64(m.Digest)}
	there, err := mvcc.Follows(ctx, engine, was, is)
	if err != nil {
		return fmt.Errorf("compare the database with the mark %s: %w", file, err)
	}
	if !there {
		return lost("it has another revision %d than the one that had been acknowledged, and is at revision %d", m.Revision, st.Revision)
	}
	sides := mvcc.SidePoint{Newest: m.Side, Writer: m.Writer}
	newest, held, err := engine.SideFind(ctx, sides)
	if err != nil {
		return fmt.Errorf("compare the side tables with the mark %s: %w", file, err)
	}
	if m.Side != 0 && !held {
		return lost("its side tables lack what had been acknowledged up to id %d, and end at id %d", m.Side, newest.Newest)
	}
	return nil
}
