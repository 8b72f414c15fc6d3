package mysql

import (
	"context"
	"errors"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// errNoSide is what users of side tables get until the schema has them.
var errNoSide = errors.New("this release keeps side tables on SQLite only: use that, or a later release")

// SideCommit implements mvcc.SideEngine.
func (e *Engine) SideCommit(context.Context, *mvcc.SideBatch) error { return errNoSide }

// SideSettle implements mvcc.SideEngine.
func (e *Engine) SideSettle(context.Context, *mvcc.SideBatch) (bool, error) { return false, errNoSide }

// SidePage implements mvcc.SideEngine.
func (e *Engine) SidePage(context.Context, *mvcc.SideQuery) (mvcc.SidePage, error) {
	return mvcc.SidePage{}, errNoSide
}

// SideCount implements mvcc.SideEngine.
func (e *Engine) SideCount(context.Context, mvcc.SideSpan) (int64, error) { return 0, errNoSide }

// SideFind implements mvcc.SideEngine.
func (e *Engine) SideFind(context.Context, mvcc.SidePoint) (mvcc.SidePoint, bool, error) {
	return mvcc.SidePoint{}, true, nil
}
