package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// sideNewest is the newest id that was assigned. It stands in the index's last entry, whatever dead
// entries there are before.
const sideNewest = "coalesce((SELECT newest FROM ark_side_batch ORDER BY newest DESC LIMIT 1), 0)"

// sideNext is mvcc.SideID.
const sideNext = "greatest(" + sideNewest + " + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"

var (
	// sideRecordStatement records a batch, with the ids that it takes. It fails for a batch that was
	// given up, because that number or a greater one of its writer is there, by the primary key; and
	// in a session that is not as prepare left it, by a division.
	sideRecordStatement = named.Dollars(`
	INSERT INTO ark_side_batch (writer, seq, newest, deleted)
	SELECT :writer::bigint, coalesce((SELECT max(seq) FROM ark_side_batch WHERE writer = :writer::bigint AND seq >= :seq::bigint), :seq::bigint), ` + sideNext + ` + :ids::bigint - 1
		/ CASE WHEN current_setting('transaction_isolation') = 'read committed' AND current_setting('synchronous_commit') <> 'off' THEN 1 ELSE 0 END, ''
	RETURNING newest`)
	sideForgetStatement = named.Dollars("DELETE FROM ark_side_batch WHERE writer = :writer AND seq >= :previous AND seq < :seq")
	sideFenceStatement  = named.Dollars("INSERT INTO ark_side_batch (writer, seq, newest, deleted) VALUES (:writer, :seq, 0, '') ON CONFLICT DO NOTHING")
	sideSettleStatement = named.Dollars("SELECT newest, deleted FROM ark_side_batch WHERE writer = :writer AND seq = :seq")
	// sideSkipStatement moves the ids on, by a record of nobody.
	sideSkipStatement = named.Dollars("INSERT INTO ark_side_batch (writer, seq, newest, deleted) SELECT 0, 0, " + sideNext + ` + :by::bigint, ''
	ON CONFLICT (writer, seq) DO UPDATE SET newest = excluded.newest`)

	sideAppendStatement = named.Dollars(`
	INSERT INTO ark_side (id, tbl, key, at, data)
	SELECT b.newest - :ids::bigint + r.place, r.tbl, r.key, r.at, r.data
	FROM ark_side_batch b CROSS JOIN unnest(:place::bigint[], :tbl::text[], :key::bytea[], :at::bigint[], :data::bytea[]) AS r (place, tbl, key, at, data)
	WHERE b.writer = :writer::bigint AND b.seq = :seq::bigint`)
	// sideAppendIfStatement appends rows on a condition, and adds 0 to the batch's record, or -1 where
	// it does not hold.
	sideAppendIfStatement = named.Dollars(`
	WITH put AS (
		INSERT INTO ark_side (id, tbl, key, at, data)
		SELECT b.newest - :ids::bigint + r.place, r.tbl, r.key, r.at, r.data
		FROM ark_side_batch b CROSS JOIN unnest(:place::bigint[], :tbl::text[], :key::bytea[], :at::bigint[], :data::bytea[]) AS r (place, tbl, key, at, data)
		WHERE b.writer = :writer::bigint AND b.seq = :seq::bigint AND ` + sideHolds + `
		RETURNING 1
	), result AS (
		SELECT CASE WHEN EXISTS (SELECT 1 FROM put) THEN 0 ELSE -1 END AS n
	), noted AS (
		UPDATE ark_side_batch SET deleted = deleted || (SELECT n FROM result) || ' ' WHERE writer = :writer::bigint AND seq = :seq::bigint
	)
	SELECT n FROM result`)
	sideDeleteStatement   = map[bool]named.Statement{false: sideDelete("key, id"), true: sideDelete("at, id")}     // by whether in the order of time
	sideDeleteIfStatement = map[bool]named.Statement{false: sideDeleteIf("key, id"), true: sideDeleteIf("at, id")} // likewise

	sidePageQuery  = map[bool]named.Statement{false: sidePage(">", "<", ""), true: sidePage("<", ">=", " DESC")} // by whether backward
	sideCountQuery = named.Dollars("SELECT count(*) FROM ark_side WHERE tbl = :tbl AND key >= :first AND key < :end")
	sideFindQuery  = named.Dollars("SELECT " + new(sideFound).columns().String() + ` FROM (VALUES (1)) AS one
	LEFT JOIN (SELECT newest, writer FROM ark_side_batch ORDER BY newest DESC LIMIT 1) n ON true`)
)

// sideDelete deletes the first rows of a span, and adds their number to the batch's record.
func sideDelete(order string) named.Statement {
	return named.Dollars(`
	WITH gone AS (
		DELETE FROM ark_side WHERE id IN (
			SELECT id FROM ark_side WHERE tbl = :tbl AND key >= :first AND key < :end AND at < :until ORDER BY ` + order + ` LIMIT :most
		) RETURNING 1
	), noted AS (
		UPDATE ark_side_batch SET deleted = deleted || (SELECT count(*) FROM gone) || ' ' WHERE writer = :writer AND seq = :seq
	)
	SELECT count(*) FROM gone`)
}

// sideHolds is an mvcc.SideNewest.
const sideHolds = "coalesce((SELECT max(id) FROM ark_side WHERE tbl = :iftbl::text AND key = :ifkey::bytea), 0) = :ifid::bigint"

// sideDeleteIf is sideDelete on a condition. It adds -1 to the batch's record where that does not
// hold.
func sideDeleteIf(order string) named.Statement {
	return named.Dollars(`
	WITH held AS (
		SELECT ` + sideHolds + ` AS held
	), gone AS (
		DELETE FROM ark_side WHERE id IN (
			SELECT id FROM ark_side WHERE tbl = :tbl AND key >= :first AND key < :end AND at < :until AND (SELECT held FROM held) ORDER BY ` + order + ` LIMIT :most
		) RETURNING 1
	), result AS (
		SELECT CASE WHEN (SELECT held FROM held) THEN (SELECT count(*) FROM gone) ELSE -1 END AS n
	), noted AS (
		UPDATE ark_side_batch SET deleted = deleted || (SELECT n FROM result) || ' ' WHERE writer = :writer AND seq = :seq
	)
	SELECT n FROM result`)
}

// conditionArguments name a condition.
func conditionArguments(c *mvcc.SideNewest) []named.Argument {
	return []named.Argument{named.Arg("iftbl", c.Table), named.Arg("ifkey", notNil(c.Key)), named.Arg("ifid", c.ID)}
}

// sidePage reads rows beyond a place up to the other end of their span. The server has large data
// elsewhere, and reads it of those rows only that fit.
func sidePage(beyond, within, direction string) named.Statement {
	order := "ORDER BY key" + direction + ", id" + direction
	return named.Dollars(`
	SELECT id, key, at, data, n FROM (
		SELECT id, key, at, data, size, count(*) OVER () AS n, row_number() OVER (` + order + `) AS place, sum(size) OVER (` + order + ` ROWS UNBOUNDED PRECEDING) AS total FROM (
			SELECT id, key, at, data, octet_length(key) + octet_length(data) AS size FROM ark_side
			WHERE tbl = :tbl AND (key, id) ` + beyond + ` (:key::bytea, :id::bigint) AND key ` + within + ` :end
				AND substring(key FROM greatest(1, octet_length(key) - octet_length(:tail::bytea) + 1)) <= :tail::bytea ` + order + ` LIMIT :most::bigint + 1
		) r
	) p WHERE place <= :most::bigint AND total - size < :bytes::bigint ORDER BY place`)
}

// SideCommit implements mvcc.SideEngine: one round trip. As in Commit, nothing but the last
// statement asks the server to commit.
func (e *Engine) SideCommit(ctx context.Context, b *mvcc.SideBatch) error {
	return e.pace.Run(ctx, func() error { return e.sideCommit(ctx, b) })
}

func (e *Engine) sideCommit(ctx context.Context, b *mvcc.SideBatch) error {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	conn, err := e.upkeep.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to write to side tables: %w", e.explain(err))
	}
	defer conn.Release()
	err = e.withLock(ctx, e.side, func() error {
		send := &pgx.Batch{}
		send.Queue(takeCounter, e.side)
		queueSide(send, b)
		return conn.SendBatch(ctx, send).Close()
	})
	if code(err) == codeDivision {
		err = errUnfit
		e.rollback(ctx, conn)
		return err
	}
	if err != nil {
		return e.failed(ctx, conn, fmt.Errorf("write to side tables: %w", err))
	}
	return nil
}

// batchArguments name a batch.
func batchArguments(b *mvcc.SideBatch) []named.Argument {
	return []named.Argument{named.Arg("writer", b.Writer), named.Arg("seq", b.Sequence)}
}

// queueSide adds the statements of a batch, deletes first.
func queueSide(send *pgx.Batch, b *mvcc.SideBatch) {
	of := batchArguments(b)
	with := func(args ...named.Argument) []named.Argument { return append(args, of...) }
	send.Queue(sideRecordStatement.Text, sideRecordStatement.Args(with(named.Arg("ids", b.IDs()))...)...).QueryRow(func(row pgx.Row) error {
		var newest int64
		err := row.Scan(&newest)
		b.Number(newest)
		return err
	})
	result := func(o *mvcc.SideOp) func(pgx.Row) error {
		return func(row pgx.Row) error {
			n := 0
			err := row.Scan(&n)
			o.SetResult(n)
			return err
		}
	}
	for _, o := range b.Ops {
		if !o.Deletes() {
			continue
		}
		first, end := o.Span.Bounds()
		args := with(named.Arg("tbl", o.Span.Table), named.Arg("first", first), named.Arg("end", end), named.Arg("until", o.Until()), named.Arg("most", o.Most))
		statement := sideDeleteStatement[o.ByTime()]
		if o.If != nil {
			statement, args = sideDeleteIfStatement[o.ByTime()], append(args, conditionArguments(o.If)...)
		}
		send.Queue(statement.Text, statement.Args(args...)...).QueryRow(result(o))
	}
	var plain sideColumns
	place := int64(0)
	for _, o := range b.Ops {
		if !o.AppendsIf() {
			place = plain.add(o.Rows, place)
			continue
		}
		var own sideColumns
		place = own.add(o.Rows, place)
		args := with(append(own.arguments(b), conditionArguments(o.If)...)...)
		send.Queue(sideAppendIfStatement.Text, sideAppendIfStatement.Args(args...)...).QueryRow(result(o))
	}
	if len(plain.tables) > 0 {
		send.Queue(sideAppendStatement.Text, sideAppendStatement.Args(with(plain.arguments(b)...)...)...)
	}
	send.Queue(sideForgetStatement.Text, sideForgetStatement.Args(with(named.Arg("previous", b.Previous))...)...)
}

// sideColumns are rows that are appended together, by columns; places are those in the batch, from
// 1 on.
type sideColumns struct {
	places []int64
	tables []string
	keys   [][]byte
	times  []int64
	data   [][]byte
}

// add adds rows behind a place, and returns the place of the last one.
func (c *sideColumns) add(rows []mvcc.SideRow, place int64) int64 {
	for i := range rows {
		r := &rows[i]
		place++
		c.places, c.tables, c.times = append(c.places, place), append(c.tables, r.Table), append(c.times, r.Time.UnixMilli())
		c.keys, c.data = append(c.keys, notNil(r.Key)), append(c.data, notNil(r.Data))
	}
	return place
}

func (c *sideColumns) arguments(b *mvcc.SideBatch) []named.Argument {
	return []named.Argument{
		named.Arg("ids", b.IDs()), named.Arg("place", c.places), named.Arg("tbl", c.tables), named.Arg("key", c.keys),
		named.Arg("at", c.times), named.Arg("data", c.data),
	}
}

// notNil keeps empty bytes from being NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// SideSettle implements mvcc.SideEngine. It waits for the transaction in doubt, if that still runs,
// for it holds the lock; one that comes later is refused.
func (e *Engine) SideSettle(ctx context.Context, b *mvcc.SideBatch) (bool, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	conn, err := e.upkeep.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("connect to find a batch of side rows: %w", e.explain(err))
	}
	defer conn.Release()
	var newest int64
	var deleted string
	of := batchArguments(b)
	err = e.withLock(ctx, e.side, func() error {
		send := &pgx.Batch{}
		send.Queue(beginStatement)
		send.Queue(takeCounter, e.side)
		send.Queue(sideFenceStatement.Text, sideFenceStatement.Args(of...)...)
		send.Queue(sideSettleStatement.Text, sideSettleStatement.Args(of...)...).QueryRow(func(row pgx.Row) error { return row.Scan(&newest, &deleted) })
		queueCommit(send)
		return e.sendOrRollback(ctx, conn, send)
	})
	if err != nil || newest == 0 {
		return false, wrapped("find a batch of side rows", err)
	}
	b.Number(newest)
	return true, b.SetResults(deleted)
}

func wrapped(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// SidePage implements mvcc.SideEngine.
func (e *Engine) SidePage(ctx context.Context, q *mvcc.SideQuery) (page mvcc.SidePage, err error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	first, end := q.Bounds()
	if q.Backward {
		end = first
	}
	begin, query := q.Begin(), sidePageQuery[q.Backward]
	found, err := e.readers.Query(ctx, query.Text, query.Args(named.Arg("tbl", q.Table), named.Arg("key", begin.Key), named.Arg("id", begin.ID),
		named.Arg("end", end), named.Arg("tail", q.KeyTail()), named.Arg("most", q.Limit), named.Arg("bytes", q.MaxBytes))...)
	if err != nil {
		return page, fmt.Errorf("read the side table %s: %w", q.Table, err)
	}
	var at int64
	there := 0
	r := mvcc.SideRow{Table: q.Table}
	_, err = pgx.ForEachRow(found, []any{&r.ID, &r.Key, &at, &r.Data, &there}, func() error {
		row := r
		row.Time = time.UnixMilli(at)
		page.Rows = append(page.Rows, row)
		r.Key, r.Data = nil, nil
		return nil
	})
	page.More = len(page.Rows) < there
	return page, wrapped("read the side table "+q.Table, err)
}

// SideCount implements mvcc.SideEngine.
func (e *Engine) SideCount(ctx context.Context, s mvcc.SideSpan) (n int64, err error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	first, end := s.Bounds()
	err = e.readers.QueryRow(ctx, sideCountQuery.Text, sideCountQuery.Args(named.Arg("tbl", s.Table), named.Arg("first", first), named.Arg("end", end))...).Scan(&n)
	return n, wrapped("count the rows of the side table "+s.Table, err)
}

// sideFound is what there is of a point.
type sideFound struct{ newest, writer, of int64 }

func (f *sideFound) columns() named.Columns {
	return named.Columns{
		named.Col("coalesce(n.newest, 0)", &f.newest), named.Col("coalesce(n.writer, 0)", &f.writer),
		named.Col("coalesce((SELECT max(newest) FROM ark_side_batch WHERE writer = :writer), 0)", &f.of),
	}
}

// SideFind implements mvcc.SideEngine.
func (e *Engine) SideFind(ctx context.Context, p mvcc.SidePoint) (newest mvcc.SidePoint, held bool, err error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	var f sideFound
	err = e.readers.QueryRow(ctx, sideFindQuery.Text, sideFindQuery.Args(named.Arg("writer", p.Writer))...).Scan(f.columns().Into()...)
	return mvcc.SidePoint{Newest: f.newest, Writer: f.writer}, f.of >= p.Newest, wrapped("find the newest batch of side rows", err)
}
