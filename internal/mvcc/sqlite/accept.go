package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// acceptBump is by how much an accepted loss moves the counter on beyond all that is known:
// more than a server hands out in a year at 30 writes a second.
const acceptBump = 1_000_000_000

// accept makes a usable database of one that has lost something, if it has: live keys
// whose rows are damaged or missing go, history goes, the counter moves past every revision
// that is known to have been handed out, and the database gets a new store id, so that
// one permission is good for one loss.
func (e *Engine) accept(ctx context.Context, losses []*LossError) error {
	live, err := e.scanLive(ctx, nil)
	if err != nil {
		return err
	}
	damagedSide, err := e.damagedSide(ctx)
	if err != nil {
		return err
	}
	if len(losses) == 0 && live.complete(e.remembered) == nil && len(damagedSide) == 0 {
		return nil
	}
	st, err := e.State(ctx)
	if err != nil {
		return err
	}
	newest := st.Revision
	for _, m := range e.remembered {
		newest = max(newest, m.Revision)
		e.side.newest = max(e.side.newest, m.Side)
	}
	e.side.newest = mvcc.SideID(e.side.newest, time.Now()) + mvcc.SideBump
	target := min(newest+acceptBump, rows.MaxRevision)
	if target <= newest {
		return fmt.Errorf("revision %d cannot be moved on: restore a backup", newest)
	}
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	store := int64(binary.LittleEndian.Uint64(random[:]))
	err = e.write(ctx, func() error {
		for _, bad := range live.damaged {
			if _, err := e.deleteState.exec(named.Arg("created", bad.created)); err != nil {
				return err
			}
		}
		if _, err := e.writer.ExecContext(ctx, "DELETE FROM log WHERE id NOT IN (SELECT id FROM state)"); err != nil {
			return err
		}
		for name, value := range map[string]int64{metaCompacted: target, metaPruned: target, metaStore: store, metaQuiet: 0, metaSide: e.side.newest} {
			if err := e.set(name, value); err != nil {
				return err
			}
		}
		if len(damagedSide) == 0 {
			return nil
		}
		return e.removeSide(ctx)
	})
	if err != nil {
		return fmt.Errorf("accept the loss: %w", err)
	}
	e.quiet, e.remembered = false, nil
	e.store = mark.StoreID(store)
	what := "damaged rows"
	if len(losses) > 0 {
		what = losses[0].what
	}
	e.log.Warn("a loss of data has been accepted: what accepts it is used up, leave it out from now on",
		"found", what, "keysRemoved", len(live.damaged), "revision", target, "store", e.store.String())
	for _, bad := range append(live.damaged, damagedSide...) {
		if bad.table != "" {
			e.log.Warn("a side table that lacks rows is used as it is", "table", bad.String())
			continue
		}
		e.log.Warn("a damaged row has been removed", "row", bad.String())
	}
	return nil
}
