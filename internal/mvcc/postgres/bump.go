package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// skipStatement moves the counter on. The revisions left out count as compacted
// and pruned, as do all before them.
var skipStatement = named.Dollars(`
	UPDATE ark_meta SET value = CASE WHEN name IN ('change', 'store') THEN value + 1 ELSE :revision::bigint END
	WHERE name IN ('compacted', 'pruned', 'witnessed', 'unwitnessed', 'change', 'store')`)

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
	s := newServer(cfg)
	st, err := s.bump(ctx, by, onlyNew)
	if err != nil {
		return st, fmt.Errorf("move the revision on: %w", s.explain(err))
	}
	return st, nil
}

func (s server) bump(ctx context.Context, by int64, onlyNew bool) (mvcc.State, error) {
	var st mvcc.State
	conn, err := s.connect(ctx)
	if err != nil {
		return st, err
	}
	defer closeSession(ctx, conn)
	now, err := ours.Status(ctx, &migrator{server: s, conn: conn})
	if err == nil && now.Version == 0 {
		err = errors.New("the database holds no store: name the one that was restored")
	}
	if err != nil {
		return st, err
	}
	e := &Engine{server: s}
	if err := e.identify(ctx, conn); err != nil {
		return st, err
	}
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		// Deleting what may go can take long.
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, takeCounter, e.lock); err != nil {
			return err
		}
		var err error
		if st, err = state(ctx, tx); err != nil {
			return err
		}
		if onlyNew && st.Revision > 1 {
			return nil
		}
		next, err := rows.MoveOn(st.Revision, by)
		if err != nil {
			return err
		}
		first, end := rows.Span(st.Pruned, st.Revision)
		for _, s := range []named.Statement{pruneReplacedStatement, pruneGoneStatement} {
			if _, err := tx.Exec(ctx, s.Text, s.Args(named.Arg("first", first), named.Arg("end", end))...); err != nil {
				return err
			}
		}
		st.Revision = next
		st.Change++
		st.Store++
		st.Batch = 0
		st.Compacted, st.Pruned = st.Revision, st.Revision
		if _, err = tx.Exec(ctx, skipStatement.Text, skipStatement.Args(named.Arg("revision", st.Revision))...); err != nil || now.Version < sideVersion {
			return err
		}
		if _, err = tx.Exec(ctx, takeCounter, e.side); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sideSkipStatement.Text, sideSkipStatement.Args(named.Arg("by", mvcc.SideBump))...)
		return err
	})
	return st, err
}
