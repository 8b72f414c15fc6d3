package mysql

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	pruneQuery = "SELECT id, prev, `key`, version, batch FROM ark_log WHERE id>=? AND id<? ORDER BY id LIMIT ?"
	// gone rows count for replicas that have not looked for rememberGone.
	goneQuery    = "SELECT id, changed FROM ark_lease FORCE INDEX (changes) WHERE gone=1 AND deadline<" + nowMillis + "-? ORDER BY changed LIMIT ?"
	rememberGone = 10 * 60 * 1000 // milliseconds

	// A release that records no writers may have pruned since.
	pruneStatement = "UPDATE ark_pruning SET unwitnessed=IF(witnessed<>pruned,pruned,unwitnessed), witnessed=GREATEST(pruned,%[1]d), pruned=GREATEST(pruned,%[1]d) WHERE one=1"
	// The newest batch of each writer, before its rows go: see mvcc.Found.
	insertWriter    = "INSERT INTO ark_writer (writer,batch) VALUES "
	deleteStatement = "DELETE l FROM ark_log l FORCE INDEX (PRIMARY) WHERE l.id IN (%s)"
	forgetStatement = "UPDATE ark_pruning SET forgotten=GREATEST(forgotten,%d) WHERE one=1"
	goneStatement   = "DELETE l FROM ark_lease l FORCE INDEX (PRIMARY) WHERE l.id IN (%s) AND l.gone=1 AND l.changed<=%d"
)

// pruneRows is how many rows of the log one transaction follows. Each deletes rows by
// their primary keys, so it locks nothing that a writer wants.
const pruneRows = 1000

// Prune implements mvcc.Engine. It commits in steps, each with the revision up to
// which it has come: who reads rows can tell that some of them may be gone.
func (e *Engine) Prune(ctx context.Context, from, to int64) (int64, error) {
	rows := int64(0)
	next, end := (from+1)*positions, (to+1)*positions
	for done := from; done < to; {
		step, cancel := context.WithTimeout(ctx, e.timeout)
		at, gone, err := e.pruneStep(step, &next, end, to)
		cancel()
		if err != nil {
			return rows, fmt.Errorf("delete rows up to revision %d: %w", to, classify(err, false))
		}
		done = max(done, at)
		rows += int64(gone)
	}
	if err := e.forget(ctx); err != nil {
		return rows, err
	}
	// Replicas of an earlier release may still be writing.
	_, err := e.hashSome(ctx)
	return rows, err
}

// pruneStep deletes what the next rows of the log make needless, and returns the
// revision up to which that is complete, and how many rows went.
func (e *Engine) pruneStep(ctx context.Context, next *int64, end, to int64) (int64, int, error) {
	rows, err := e.pruner.QueryContext(ctx, pruneQuery, *next, end, pruneRows)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	var gone []int64
	var replaced []rowRef
	newest := map[int64]int64{}
	n, last := 0, int64(0)
	for rows.Next() {
		var prev, version, batch int64
		var key []byte
		if err := rows.Scan(&last, &prev, &key, &version, &batch); err != nil {
			return 0, 0, err
		}
		n++
		if writer, ok := mvcc.WriterOf(batch); ok {
			if have, seen := newest[writer]; !seen || batch > have {
				newest[writer] = batch
			}
		}
		if prev > 0 {
			replaced = append(replaced, rowRef{prev, string(key)})
		}
		if version == 0 {
			gone = append(gone, last)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, 0, err
	}
	done := to
	if n == pruneRows {
		*next = last + 1
		// The last revision may go on. Its rows may go all the same, for it is compacted.
		done = last/positions - 1
	}
	found, err := e.find(ctx, e.pruner, replaced, false)
	if err != nil {
		return 0, 0, err
	}
	for _, r := range found {
		gone = append(gone, r.id)
	}
	slices.Sort(gone)
	gone = slices.Compact(gone)
	// The marker goes first, so that of two replicas which prune one waits.
	s := newScript(int(e.maxPacket.Load()))
	s.statement("START TRANSACTION")
	s.statement(pruneStatement, max(done, last/positions))
	s.insert(insertWriter, " ON DUPLICATE KEY UPDATE batch=GREATEST(batch,VALUES(batch))")
	for _, writer := range slices.Sorted(maps.Keys(newest)) {
		s.row(func(buf []byte) []byte { return append(appendPair(buf, writer, newest[writer]), ')') })
	}
	s.end()
	for part := range slices.Chunk(gone, findMany) {
		s.statement(deleteStatement, list(part))
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
	rows, err := e.pruner.QueryContext(ctx, goneQuery, rememberGone, findMany)
	if err != nil {
		return fmt.Errorf("look for leases to forget: %w", err)
	}
	defer rows.Close()
	var ids []int64
	last := int64(0)
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id, &last); err != nil {
			return fmt.Errorf("look for leases to forget: %w", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for leases to forget: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	s := newScript(int(e.maxPacket.Load()))
	s.statement("START TRANSACTION")
	s.statement(forgetStatement, last)
	s.statement(goneStatement, list(ids), last)
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
