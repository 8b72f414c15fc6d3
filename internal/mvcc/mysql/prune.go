package mysql

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var (
	pruneQuery = named.Questions("SELECT " + new(passed).columns().String() + " FROM ark_log l WHERE l.id>=:first AND l.id<:end ORDER BY l.id LIMIT :most")
	goneQuery  = named.Questions("SELECT " + new(goneLease).columns().String() + " FROM ark_lease l FORCE INDEX (changes)" +
		" WHERE l.gone=1 AND l.deadline<" + nowMillis + "-:age ORDER BY l.changed LIMIT :most")

	// A release that records no writers may have pruned since.
	pruneStatement = named.Questions("UPDATE ark_pruning SET unwitnessed=IF(witnessed<>pruned,pruned,unwitnessed)," +
		" witnessed=GREATEST(pruned,:revision), pruned=GREATEST(pruned,:revision) WHERE one=1")
	deleteStatement = named.Questions("DELETE l FROM ark_log l FORCE INDEX (PRIMARY) WHERE l.id IN (:ids)")
	forgetStatement = named.Questions("UPDATE ark_pruning SET forgotten=GREATEST(forgotten,:change) WHERE one=1")
	goneStatement   = named.Questions("DELETE l FROM ark_lease l FORCE INDEX (PRIMARY) WHERE l.id IN (:ids) AND l.gone=1 AND l.changed<=:change")
	// The newest batch of each writer, before its rows go: see mvcc.Found.
	insertWriter = insert("ark_writer", " ON DUPLICATE KEY UPDATE batch=GREATEST(batch,VALUES(batch))",
		integer("writer", func(w *writerRow) int64 { return w.writer }),
		integer("batch", func(w *writerRow) int64 { return w.batch }))
)

// Rows of leases that have gone count for replicas that have not looked for rememberGone.
const rememberGone = 10 * 60 * 1000 // milliseconds

type writerRow struct{ writer, batch int64 }

// passed is a row of the log that pruning passes.
type passed struct {
	rows.Row
	batch int64
}

func (r *passed) columns() named.Columns {
	return named.Columns{
		named.Of("l", "id", &r.ID),
		named.Of("l", "prev", &r.Prev),
		named.Of("l", "key", &r.Key),
		named.Of("l", "version", &r.Version),
		named.Of("l", "batch", &r.batch),
	}
}

// goneLease is the row of a lease that has gone.
type goneLease struct{ id, changed int64 }

func (l *goneLease) columns() named.Columns {
	return named.Columns{named.Of("l", "id", &l.id), named.Of("l", "changed", &l.changed)}
}

// pruneRows is how many rows of the log one transaction follows. Each deletes rows by
// their primary keys, so it locks nothing that a writer wants.
const pruneRows = 1000

// Prune implements mvcc.Engine. It commits in steps, each with the revision up to
// which it has come: who reads rows can tell that some of them may be gone.
func (e *Engine) Prune(ctx context.Context, from, to int64) (int64, error) {
	count := int64(0)
	next, end := rows.Span(from, to)
	for done := from; done < to; {
		step, cancel := context.WithTimeout(ctx, e.timeout)
		at, gone, err := e.pruneStep(step, &next, end, to)
		cancel()
		if err != nil {
			return count, fmt.Errorf("delete rows up to revision %d: %w", to, classify(err, false))
		}
		done = max(done, at)
		count += int64(gone)
	}
	if err := e.forget(ctx); err != nil {
		return count, err
	}
	// Replicas of an earlier release may still be writing.
	_, err := e.hashSome(ctx)
	return count, err
}

// pruneStep deletes what the next rows of the log make needless, and returns the
// revision up to which that is complete, and how many rows went.
func (e *Engine) pruneStep(ctx context.Context, next *int64, end, to int64) (int64, int, error) {
	answer, err := e.pruner.QueryContext(ctx, pruneQuery.Text, pruneQuery.Args(named.Arg("first", *next), named.Arg("end", end), named.Arg("most", pruneRows))...)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Close()
	var gone []int64
	var replaced []rowRef
	newest := map[int64]int64{}
	n := 0
	var r passed
	into := r.columns().Into()
	for answer.Next() {
		if err := answer.Scan(into...); err != nil {
			return 0, 0, err
		}
		n++
		if writer, ok := mvcc.WriterOf(r.batch); ok {
			if have, seen := newest[writer]; !seen || r.batch > have {
				newest[writer] = r.batch
			}
		}
		if r.Prev > 0 {
			replaced = append(replaced, rowRef{r.Prev, string(r.Key)})
		}
		if r.Version == 0 {
			gone = append(gone, r.ID)
		}
	}
	if err := answer.Err(); err != nil {
		return 0, 0, err
	}
	done, last := to, rows.Revision(r.ID)
	if n == pruneRows {
		*next = r.ID + 1
		// The last revision may go on. Its rows may go all the same, for it is compacted.
		done = last - 1
	}
	found, err := e.find(ctx, e.pruner, replaced, false)
	if err != nil {
		return 0, 0, err
	}
	for _, row := range found {
		gone = append(gone, row.id)
	}
	slices.Sort(gone)
	gone = slices.Compact(gone)
	// The marker goes first, so that of two replicas which prune one waits.
	s := newScript(int(e.maxPacket.Load()))
	s.text(startTransaction)
	s.statement(pruneStatement, named.Arg("revision", max(done, last)))
	insertWriter.begin(s)
	for _, writer := range slices.Sorted(maps.Keys(newest)) {
		insertWriter.add(s, &writerRow{writer, newest[writer]})
	}
	for part := range slices.Chunk(gone, findMany) {
		s.statement(deleteStatement, named.Arg("ids", part))
	}
	conn, err := e.pruner.Conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	return done, len(gone), e.send(ctx, conn, s)
}

// forget deletes what says of long ago that leases have gone.
func (e *Engine) forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	answer, err := e.pruner.QueryContext(ctx, goneQuery.Text, goneQuery.Args(named.Arg("age", rememberGone), named.Arg("most", findMany))...)
	if err != nil {
		return fmt.Errorf("look for leases to forget: %w", err)
	}
	defer answer.Close()
	var ids []int64
	var l goneLease
	into := l.columns().Into()
	for answer.Next() {
		if err := answer.Scan(into...); err != nil {
			return fmt.Errorf("look for leases to forget: %w", err)
		}
		ids = append(ids, l.id)
	}
	if err := answer.Err(); err != nil {
		return fmt.Errorf("look for leases to forget: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	s := newScript(int(e.maxPacket.Load()))
	s.text(startTransaction)
	s.statement(forgetStatement, named.Arg("change", l.changed))
	s.statement(goneStatement, named.Arg("ids", ids), named.Arg("change", l.changed))
	conn, err := e.pruner.Conn(ctx)
	if err != nil {
		return fmt.Errorf("forget leases: %w", err)
	}
	defer conn.Close()
	if err := e.send(ctx, conn, s); err != nil {
		return fmt.Errorf("forget leases: %w", err)
	}
	return nil
}
