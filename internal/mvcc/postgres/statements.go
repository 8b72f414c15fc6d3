package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// takeCounter waits for the counter's lock, which goes with the transaction. The
// counter itself is the newest row of the log and a number that few batches change:
// a row updated with every batch would leave a dead version each time, which cannot
// go while any session of the server looks at an old snapshot, and each batch would
// step over all of them.
const takeCounter = "SELECT pg_advisory_xact_lock($1)"

// Numbers of ark_meta.
var (
	change    = meta("change")
	compacted = meta("compacted")
	pruned    = meta("pruned")
)

func meta(name string) string { return "(SELECT value FROM ark_meta WHERE name = '" + name + "')" }

// position is the revision at which the database is. Rows up to the compacted revision may have
// been deleted, the newest of them too.
var position = "greatest(1, " + compacted + ", " + rows.RevisionOf("newest.id") + ")"

// newest is the log's newest row, or one of NULLs.
const newest = `
	FROM (VALUES (1)) AS one LEFT JOIN (SELECT id, batch FROM ark_log ORDER BY id DESC LIMIT 1) newest ON true`

// newestBatch wrote the revision of the position: 0 where it has no row, as when the counter
// was moved on by hand.
var newestBatch = "CASE WHEN " + rows.RevisionOf("newest.id") + " >= " + compacted + " THEN newest.batch ELSE 0 END"

// turn says whether a batch may be written: if the database is at its base.
// The session must be one in which each statement sees what has been committed
// before it.
var turn = `
	WITH turn AS MATERIALIZED (
		SELECT fit, fit AND NOT moved AS ok, moved FROM (SELECT
			current_setting('transaction_isolation') = 'read committed' AND current_setting('synchronous_commit') <> 'off' AS fit,
			(` + position + `) <> :base_revision::bigint OR ` + change + ` <> :base_change::bigint
			OR :base_batch::bigint <> 0 AND coalesce(newest.batch, 0) NOT IN (0, :base_batch::bigint) AS moved ` + newest + `) t
	)`

// written are the log's rows, and what they make of the state. A key may be deleted and created
// anew, so deleting comes first.
func written() string {
	log, live := new(logColumns).columns(), liveColumns{}.columns()
	names := list(log[:])
	return `, appended AS (
		INSERT INTO ark_log (` + names + `, batch)
		SELECT ` + names + `, :batch::bigint FROM ` + unnest(log[:]) + `
		WHERE (SELECT ok FROM turn)
	), gone AS (
		DELETE FROM ark_state WHERE created = ANY (:dead::bigint[]) AND (SELECT ok FROM turn) RETURNING 1
	), put AS (
		INSERT INTO ark_state (created, id, key_hash)
		SELECT live_created, live_id, live_key_hash FROM ` + unnest(live[:]) + `
		WHERE (SELECT ok FROM turn) AND (SELECT count(*) FROM gone) >= 0
		ON CONFLICT (created) DO UPDATE SET id = excluded.id
	)`
}

// changed are leases and compaction.
func changed() string {
	leases := new(leaseColumns).columns()
	return `, granted AS (
		INSERT INTO ark_lease (id, ttl, deadline, change)
		SELECT lease_id, lease_ttl, lease_deadline, :base_change::bigint + 1 FROM ` + unnest(leases[:]) + `
		WHERE (SELECT ok FROM turn)
		ON CONFLICT (id) DO UPDATE SET ttl = excluded.ttl, deadline = excluded.deadline, change = excluded.change, gone = NULL
	), revoked AS (
		UPDATE ark_lease SET change = :base_change::bigint + 1, gone = :now::bigint
		WHERE id = ANY (:revoked::bigint[]) AND gone IS NULL AND (SELECT ok FROM turn)
	), compacted AS (
		UPDATE ark_meta SET value = :compacted::bigint WHERE name = 'compacted' AND value < :compacted::bigint AND (SELECT ok FROM turn)
	), changed AS (
		UPDATE ark_meta SET value = value + 1 WHERE name = 'change' AND (SELECT ok FROM turn)
	)`
}

var (
	// told is one notification for the batch, if anybody is to hear it.
	told = `
	SELECT ` + new(verdict).columns().String() + ` FROM turn LEFT JOIN LATERAL (SELECT pg_notify(:channel::text, :payload::text) WHERE ok AND :wanted::boolean) n ON true`

	writeRevisions = named.Dollars(turn + written() + told)
	writeAll       = named.Dollars(turn + written() + changed() + told)

	// settleStatement looks for a batch among the revisions that it would have, and
	// advances Change.
	settleStatement = named.Dollars(`
	WITH fence AS (UPDATE ark_meta SET value = value + 1 WHERE name = 'change')
	SELECT EXISTS (SELECT FROM ark_log WHERE id >= :first AND id < :end AND batch = :batch)`)

	// A session between two statements of a pipeline counts as active, and has no time
	// limit of its own; one between two of a transaction that it has opened has.
	evictQuery = named.Dollars(`
	SELECT count(pg_terminate_backend(a.pid))
	FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	  AND (l.classid::bigint << 32 | l.objid::bigint) = :lock::bigint AND l.objsubid = 1
	  AND a.wait_event = 'ClientRead' AND a.state_change < clock_timestamp() - :milliseconds::bigint * interval '1 millisecond'
	    * CASE a.state WHEN 'idle in transaction' THEN 4 ELSE 1 END`)
)

// verdict is what the server says of a write.
type verdict struct{ fit, moved bool }

func (v *verdict) columns() named.Columns {
	return named.Columns{named.Col("fit", &v.fit), named.Col("moved", &v.moved)}
}

func (v *verdict) err() error {
	switch {
	case !v.fit:
		return errUnfit
	case v.moved:
		return mvcc.ErrMoved
	}
	return nil
}

// most is how many arguments a statement has at the most.
const most = 40

// queueWrite adds the statement that writes a batch. The shorter one serves most.
func (e *Engine) queueWrite(send *pgx.Batch, b *mvcc.Batch, wrote *verdict) {
	left := rows.LeftBy(b)
	log, live := logOf(b).columns(), liveOf(left).columns()
	args := append(make([]named.Argument, 0, most),
		named.Arg("base_revision", b.Base.Revision),
		named.Arg("base_change", b.Base.Change),
		named.Arg("base_batch", b.BaseBatch),
		named.Arg("batch", b.ID))
	args = append(arguments(args, log[:]), named.Arg("dead", left.Gone))
	args = arguments(args, live[:])
	statement := writeRevisions
	if b.AdvancesChange() {
		statement = writeAll
		leases := leasesOf(b)
		granted := leases.columns()
		args = append(arguments(args, granted[:]),
			named.Arg("now", time.Now().UnixMilli()),
			named.Arg("revoked", leases.revoked),
			named.Arg("compacted", b.Compacted))
	}
	args = append(args,
		named.Arg("channel", e.channel),
		named.Arg("payload", e.listener.payload),
		named.Arg("wanted", e.listener.wanted()))
	send.Queue(statement.Text, statement.Args(args...)...).QueryRow(func(row pgx.Row) error { return row.Scan(wrote.columns().Into()...) })
}
