package postgres

// takeCounter waits for the counter's lock, which goes with the transaction. The
// counter itself is the newest row of the log and a number that few batches change:
// a row updated with every batch would leave a dead version each time, which cannot
// go while any session of the server looks at an old snapshot, and each batch would
// step over all of them.
const takeCounter = "SELECT pg_advisory_xact_lock($1)"

// position is where the database is. Rows up to the compacted revision may have
// been deleted, the newest of them too.
const position = `
	greatest(1, (SELECT value FROM ark_meta WHERE name = 'compacted'), newest.id >> 20)`

// newest is the log's newest row, or one of NULLs.
const newest = `
	FROM (VALUES (1)) AS one LEFT JOIN (SELECT id, batch FROM ark_log ORDER BY id DESC LIMIT 1) newest ON true`

// newestBatch wrote the revision of the position: 0 where it has no row, as when the counter
// was moved on by hand.
const newestBatch = `
	CASE WHEN newest.id >> 20 >= (SELECT value FROM ark_meta WHERE name = 'compacted') THEN newest.batch ELSE 0 END`

const change = `(SELECT value FROM ark_meta WHERE name = 'change')`

const (
	// turn says whether a batch may be written: if the database is at its base.
	// The session must be one in which each statement sees what has been committed
	// before it.
	turn = `
	WITH turn AS MATERIALIZED (
		SELECT fit, fit AND NOT moved AS ok, moved FROM (SELECT
			current_setting('transaction_isolation') = 'read committed' AND current_setting('synchronous_commit') <> 'off' AS fit,
			(` + position + `) <> $1::bigint OR ` + change + ` <> $2::bigint OR $26::bigint <> 0 AND coalesce(newest.batch, 0) NOT IN (0, $26::bigint) AS moved ` + newest + `) t
	)`

	// The log's rows, and what they make of the state. A key may be deleted and created anew, so
	// deleting comes first.
	revisions = `, appended AS (
		INSERT INTO ark_log (id, key, value, created, version, lease, prev, at, batch,
			"user", groups, impersonator, user_agent, field_manager, audit_id, verb)
		SELECT id, key, value, created, version, lease, prev, at, $6::bigint,
			u, groups, impersonator, user_agent, field_manager, audit_id, verb
		FROM unnest($7::bigint[], $8::bytea[], $9::bytea[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
			$15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[])
			AS r (id, key, value, created, version, lease, prev, at, u, groups, impersonator, user_agent, field_manager, audit_id, verb)
		WHERE (SELECT ok FROM turn)
	), gone AS (
		DELETE FROM ark_state WHERE created = ANY ($22::bigint[]) AND (SELECT ok FROM turn) RETURNING 1
	), put AS (
		INSERT INTO ark_state (created, id, key_hash)
		SELECT created, id, key_hash FROM unnest($23::bigint[], $24::bigint[], $25::bytea[]) AS r (created, id, key_hash)
		WHERE (SELECT ok FROM turn) AND (SELECT count(*) FROM gone) >= 0
		ON CONFLICT (created) DO UPDATE SET id = excluded.id
	)`

	// Leases and compaction.
	changed = `, granted AS (
		INSERT INTO ark_lease (id, ttl, deadline, change)
		SELECT id, ttl, deadline, $2::bigint + 1 FROM unnest($27::bigint[], $28::bigint[], $29::bigint[]) AS r (id, ttl, deadline)
		WHERE (SELECT ok FROM turn)
		ON CONFLICT (id) DO UPDATE SET ttl = excluded.ttl, deadline = excluded.deadline, change = excluded.change, gone = NULL
	), revoked AS (
		UPDATE ark_lease SET change = $2::bigint + 1, gone = $32::bigint
		WHERE id = ANY ($30::bigint[]) AND gone IS NULL AND (SELECT ok FROM turn)
	), compacted AS (
		UPDATE ark_meta SET value = $31::bigint WHERE name = 'compacted' AND value < $31::bigint AND (SELECT ok FROM turn)
	), changed AS (
		UPDATE ark_meta SET value = value + 1 WHERE name = 'change' AND (SELECT ok FROM turn)
	)`

	// One notification for the batch, if anybody is to hear it.
	told = `
	SELECT fit, moved FROM turn LEFT JOIN LATERAL (SELECT pg_notify($3::text, $4::text) WHERE ok AND $5::boolean) n ON true`

	writeRevisions = turn + revisions + told
	writeAll       = turn + revisions + changed + told

	// settleStatement looks for a batch among the revisions that it would have, and
	// advances Change.
	settleStatement = `
	WITH fence AS (UPDATE ark_meta SET value = value + 1 WHERE name = 'change')
	SELECT EXISTS (SELECT FROM ark_log WHERE id >= $1 AND id < $2 AND batch = $3)`

	// A session between two statements of a pipeline counts as active, and has no time
	// limit of its own; one between two of a transaction that it has opened has.
	evictQuery = `
	SELECT count(pg_terminate_backend(a.pid))
	FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	  AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint AND l.objsubid = 1
	  AND a.wait_event = 'ClientRead' AND a.state_change < clock_timestamp() - $2::bigint * interval '1 millisecond'
	    * CASE a.state WHEN 'idle in transaction' THEN 4 ELSE 1 END`
)
