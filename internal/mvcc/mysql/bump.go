package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var (
	// compactStatement compacts up to the newest revision.
	compactStatement = named.Questions("UPDATE ark_counter SET compacted=revision, changes=changes+1 WHERE one=1 AND revision=:revision AND changes=:change")
	// skipStatement moves the counter on. The revisions left out count as compacted
	// and pruned, as do all before them.
	skipStatement = named.Questions("UPDATE ark_counter c JOIN ark_pruning p ON p.one=1 SET c.revision=:next, c.compacted=:next, c.changes=c.changes+1, c.batch=0, c.newest=0, c.store=c.store+1," +
		" p.pruned=:next, p.witnessed=:next, p.unwitnessed=:next WHERE c.one=1 AND c.revision=:revision AND c.changes=:change")
)

// Bump moves the revision on by a number, for a database restored from an older
// backup: what clients have seen of later revisions must not come again with
// another content. Every watch and every read from before finds its revision
// compacted. No replica may run meanwhile. It returns what there is then.
func Bump(ctx context.Context, cfg database.Config, by int64) (mvcc.State, error) {
	return skip(ctx, cfg, by, false)
}

// Begin is Bump for a store that has never been written: its first revision follows the number. Any
// other is left as it is, so replicas that start together may all call it.
func Begin(ctx context.Context, cfg database.Config, by int64) (mvcc.State, error) {
	return skip(ctx, cfg, by, true)
}

func skip(ctx context.Context, cfg database.Config, by int64, onlyNew bool) (mvcc.State, error) {
	var st mvcc.State
	err := withSession(ctx, cfg, func(ctx context.Context, conn *sql.Conn) error {
		s := &migrator{conn: conn}
		now, err := ours.Status(ctx, s)
		if err == nil && now.Version == 0 {
			err = errors.New("the database holds no store: name the one that was restored")
		}
		if err == nil && len(now.Pending) > 0 { // of a release before
			_, err = ours.Migrate(ctx, s)
		}
		if err != nil {
			return err
		}
		st, err = bump(ctx, cfg, conn, by, onlyNew)
		return err
	})
	if err != nil {
		return st, fmt.Errorf("move the revision on: %w", err)
	}
	return st, nil
}

func bump(ctx context.Context, cfg database.Config, conn *sql.Conn, by int64, onlyNew bool) (st mvcc.State, err error) {
	if st, err = snapshotState(ctx, conn); err != nil {
		return st, err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return st, err
	}
	if onlyNew && st.Revision > 1 {
		return st, nil
	}
	next, err := rows.MoveOn(st.Revision, by)
	if err != nil {
		return st, err
	}
	at := func() []named.Argument {
		return []named.Argument{named.Arg("revision", st.Revision), named.Arg("change", st.Change)}
	}
	if err := exactly(conn.ExecContext(ctx, compactStatement.Text, compactStatement.Args(at()...)...)); err != nil {
		return st, err
	}
	st.Change++
	e := &Engine{connector: newConnector(cfg, slog.New(slog.DiscardHandler))}
	e.maxPacket.Store(minPacket(0))
	e.pruner = e.pool(1)
	_, err = e.Prune(ctx, st.Pruned, st.Revision)
	if err := errors.Join(err, e.pruner.Close()); err != nil {
		return st, err
	}
	if err := exactly(conn.ExecContext(ctx, skipStatement.Text, skipStatement.Args(append(at(), named.Arg("next", next))...)...)); err != nil {
		return st, err
	}
	if _, err := conn.ExecContext(ctx, sideSkipStatement); err != nil {
		return st, err
	}
	st.Change++
	st.Store++
	st.Batch = 0
	st.Revision, st.Compacted, st.Pruned = next, next, next
	return st, nil
}

// exactly sees that a statement found the counter where it was.
func exactly(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errors.New("a replica writes to the database: stop every one of them first"), err)
	}
	return nil
}
