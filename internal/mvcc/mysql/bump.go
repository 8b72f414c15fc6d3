package mysql

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// maxRevision is the greatest that row ids have room for.
const maxRevision = (1<<63 - 1) / positions

// Bump moves the revision on by at least one, so that none is handed out again which
// has been before an older backup was restored. The revisions left out
// count as compacted. No replica may run. It returns the state afterwards, without
// the leases.
func Bump(ctx context.Context, cfg database.Config, by int64) (mvcc.State, error) {
	var st mvcc.State
	err := withAdmin(ctx, cfg, func(ctx context.Context, conn *sql.Conn) error {
		schema, err := status(ctx, conn)
		if err != nil {
			return err
		}
		if err := schema.suits(); err != nil {
			return err
		}
		if err := conn.QueryRowContext(ctx, stateQuery).Scan(&st.Revision, &st.Change, &st.Compacted, &st.Pruned); err != nil {
			return fmt.Errorf("read the revision: %w", err)
		}
		if by < 1 || by > maxRevision-st.Revision {
			return fmt.Errorf("revision %d cannot be moved on by %d: choose 1 to %d", st.Revision, by, maxRevision-st.Revision)
		}
		// Changes are counted on like revisions: a replica that missed the
		// restore must not take new ones for those it knows.
		res, err := conn.ExecContext(ctx, bumpStatement, by, by, by, st.Revision, st.Change)
		if err != nil {
			return classify(fmt.Errorf("move the revision on: %w", err), true)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("a replica writes to the database: stop every one of them first")
		}
		st.Revision += by
		st.Change += by
		st.Compacted = st.Revision
		return nil
	})
	return st, err
}

// Assignments see those before them.
const bumpStatement = "UPDATE counter SET compacted=revision+?, revision=revision+?, changes=changes+?, batch=0 WHERE one=1 AND revision=? AND changes=?"
