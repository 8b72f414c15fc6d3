package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

var (
	// sideTurn moves the counter of side rows on, and so waits for other replicas. The ids of a batch
	// follow the session's @ark_side.
	sideTurn = named.Questions("UPDATE ark_side_counter SET newest=GREATEST(newest+1," + nowMicros + ")+:ids-1 WHERE one=1;" +
		"SELECT newest-:ids INTO @ark_side FROM ark_side_counter WHERE one=1")
	// sideRecord records a batch. It fails for one that was given up, by the primary key, because that
	// number or a greater one of its writer is there.
	sideRecord = named.Questions("INSERT INTO ark_side_batch (writer,seq,newest,deleted) SELECT :writer," +
		"COALESCE((SELECT MAX(b.seq) FROM ark_side_batch b FORCE INDEX (PRIMARY) WHERE b.writer=:writer AND b.seq>=:seq),:seq),@ark_side+:ids,''")
	sideForget = named.Questions("DELETE b FROM ark_side_batch b FORCE INDEX (PRIMARY) WHERE b.writer=:writer AND b.seq>=:previous AND b.seq<:seq")
	sideResult = named.Questions("SELECT newest,deleted FROM ark_side_batch WHERE writer=:writer AND seq=:seq")
	sideFence  = named.Questions("UPDATE ark_side_counter SET newest=newest+1 WHERE one=1;" +
		"INSERT INTO ark_side_batch (writer,seq,newest,deleted) VALUES (:writer,:seq,0,'') ON DUPLICATE KEY UPDATE seq=seq")
	// sideSkipStatement moves the ids on.
	sideSkipStatement = fmt.Sprintf("UPDATE ark_side_counter SET newest=GREATEST(newest+1,%s)+%d WHERE one=1", nowMicros, mvcc.SideBump)

	// sideLook sets the session's @ark_side_refused to 0 where a condition holds, and to 1 where it
	// does not. The rows of an append that is refused are taken back by sideRefuse, whose range is
	// empty otherwise.
	sideLook   = named.Questions("SELECT COALESCE(MAX(id),0)<>:ifid INTO @ark_side_refused FROM ark_side FORCE INDEX (side_key) WHERE tbl=:iftbl AND `key`=:ifkey")
	sideRefuse = named.Questions("DELETE FROM ark_side WHERE id>@ark_side+:place AND id<=@ark_side+:place+:rows*@ark_side_refused;" +
		"UPDATE ark_side_batch SET deleted=CONCAT(deleted,IF(@ark_side_refused=1,-1,0),' ') WHERE writer=:writer AND seq=:seq")

	sideDeleteStatement   = map[bool]named.Statement{false: sideDelete("side_key", "`key`,id", ""), true: sideDelete("side_time", "at,id", "")} // by whether in the order of time
	sideDeleteIfStatement = map[bool]named.Statement{                                                                                           // likewise
		false: sideDelete("side_key", "`key`,id", " AND @ark_side_refused=0"), true: sideDelete("side_time", "at,id", " AND @ark_side_refused=0"),
	}
	sideDeletedIf = named.Questions("UPDATE ark_side_batch SET deleted=CONCAT(deleted,IF(@ark_side_refused=1,-1,ROW_COUNT()),' ') WHERE writer=:writer AND seq=:seq")
	sideDeleted   = named.Questions("UPDATE ark_side_batch SET deleted=CONCAT(deleted,ROW_COUNT(),' ') WHERE writer=:writer AND seq=:seq")

	sidePageQuery  = map[bool]named.Statement{false: sidePage(">", "<", ""), true: sidePage("<", ">=", " DESC")} // by whether backward
	sideCountQuery = named.Questions("SELECT COUNT(*) FROM ark_side FORCE INDEX (side_key) WHERE tbl=:tbl AND `key`>=:first AND `key`<:end")
	sideFindQuery  = named.Questions("SELECT " + new(sideFound).columns().String() + " FROM (SELECT 1 AS one) o" +
		" LEFT JOIN (SELECT newest,writer FROM ark_side_batch FORCE INDEX (newest) ORDER BY newest DESC LIMIT 1) n ON 1=1")

	insertSide = insert("ark_side", "",
		column[sideRow]{[]string{"id"}, func(buf []byte, r *sideRow) []byte {
			return strconv.AppendInt(append(buf, "@ark_side+"...), r.place, 10)
		}},
		blob("tbl", func(r *sideRow) []byte { return []byte(r.Table) }),
		blob("key", func(r *sideRow) []byte { return notNil(r.Key) }),
		integer("at", func(r *sideRow) int64 { return r.Time.UnixMilli() }),
		integer("size", func(r *sideRow) int64 { return int64(len(r.Key) + len(r.Data)) }),
		blob("data", func(r *sideRow) []byte { return notNil(r.Data) }))
)

// sideRow is a row on its way to the server, by its place in the batch.
type sideRow struct {
	mvcc.SideRow
	place int64
}

// notNil keeps empty bytes from being NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// sideDelete deletes the first rows of a span. They are looked for in an index by a derived table,
// because a delete from one table takes no hint.
func sideDelete(index, order, condition string) named.Statement {
	return named.Questions("DELETE s FROM (SELECT id FROM ark_side FORCE INDEX (" + index + ") WHERE tbl=:tbl AND `key`>=:first AND `key`<:end AND at<:until" + condition +
		" ORDER BY " + order + " LIMIT :most) d STRAIGHT_JOIN ark_side s FORCE INDEX (PRIMARY) ON s.id=d.id")
}

// sidePage reads rows beyond a place up to the other end of their span. Sizes are read first, so
// that the data is read of those rows only that fit. The rest of the place's key is a part of its
// own: the server looks for a pair of key and id in no index.
func sidePage(beyond, within, direction string) named.Statement {
	part := func(where, order string) string {
		return "(SELECT `key`,id,size FROM ark_side FORCE INDEX (side_key) WHERE tbl=:tbl AND " + where + " AND `key`" + within + ":end AND RIGHT(`key`,LENGTH(:tail))<=:tail ORDER BY " + order + direction + " LIMIT :more)"
	}
	order := "ORDER BY w.`key`" + direction + ",w.id" + direction
	return named.Questions("SELECT s.id,s.`key`,s.at,s.data,p.n FROM (" +
		"SELECT w.id,w.size,COUNT(*) OVER () AS n,ROW_NUMBER() OVER (" + order + ") AS place,SUM(w.size) OVER (" + order + " ROWS UNBOUNDED PRECEDING) AS total FROM (" +
		part("`key`=:key AND id"+beyond+":id", "id") + " UNION ALL " + part("`key`"+beyond+":key", "`key`"+direction+",id") +
		") w) p STRAIGHT_JOIN ark_side s FORCE INDEX (PRIMARY) ON s.id=p.id WHERE p.place<=:most AND p.total-p.size<:bytes")
}

// holdSide is holdTurn for a session of another pool; it is given up afterwards.
var holdSide = holdTurn + fmt.Sprintf(" /*M!100300 , SESSION idle_transaction_timeout = %d */", turnIdle)

// SideCommit implements mvcc.SideEngine. It takes one round trip, unless a call exceeds what the
// server takes in one packet.
func (e *Engine) SideCommit(ctx context.Context, b *mvcc.SideBatch) error {
	return e.pace.Run(ctx, func() (err error) {
		for range deadlockTries { // only on a Galera cluster: see Commit
			if err = e.sideCommit(ctx, b); number(err) != errDeadlock || errors.Is(err, mvcc.ErrUnknownOutcome) {
				break
			}
		}
		return err
	})
}

func (e *Engine) sideCommit(ctx context.Context, b *mvcc.SideBatch) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.pruner.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	packets := e.sideScript(b)
	for len(packets) > 1 && len(b.Ops) > 1 {
		b.Ops = b.Ops[:(len(b.Ops)+1)/2]
		packets = e.sideScript(b)
	}
	last := len(packets) - 1
	if last > 0 {
		// The server waits for further packets while the batch holds the counter.
		defer discard(conn)
		if _, err := conn.ExecContext(ctx, holdSide); err != nil {
			return classify(fmt.Errorf("write to side tables: %w", err), false)
		}
	}
	for _, text := range packets[:last] {
		if _, err := conn.ExecContext(ctx, string(text)); err != nil {
			e.rollback(conn, err)
			return classify(fmt.Errorf("write to side tables: %w", err), false)
		}
	}
	newest, deleted, err := sideResults(ctx, conn, string(packets[last]))
	if err != nil {
		doubt := !undone(err) && !e.inTransaction(ctx, conn, err)
		e.rollback(conn, err)
		return classify(fmt.Errorf("write to side tables: %w", err), doubt)
	}
	b.Number(newest)
	return b.SetResults(deleted)
}

// sideResults sends a text that ends with a transaction's results and its COMMIT.
func sideResults(ctx context.Context, conn *sql.Conn, text string) (newest int64, deleted string, err error) {
	found, err := conn.QueryContext(ctx, text)
	if err == nil {
		err = scanOne(found, &newest, &deleted)
	}
	return newest, deleted, err
}

// sideScript is the transaction of a batch, deletes first.
func (e *Engine) sideScript(b *mvcc.SideBatch) [][]byte {
	s := newScript(int(e.maxPacket.Load()))
	of := []named.Argument{named.Arg("writer", b.Writer), named.Arg("seq", b.Sequence)}
	ids := named.Arg("ids", b.IDs())
	s.text(startTransaction)
	s.statement(sideTurn, ids)
	s.statement(sideRecord, append(of, ids)...)
	for _, o := range b.Ops {
		if !o.Deletes() {
			continue
		}
		first, end := o.Span.Bounds()
		statement, result := sideDeleteStatement, sideDeleted
		if o.If != nil {
			look(s, o.If)
			statement, result = sideDeleteIfStatement, sideDeletedIf
		}
		s.statement(statement[o.ByTime()], named.Arg("tbl", []byte(o.Span.Table)), named.Arg("first", first), named.Arg("end", end),
			named.Arg("until", o.Until()), named.Arg("most", int64(o.Most)))
		s.statement(result, of...)
	}
	var plain []sideRow
	place := int64(0)
	for _, o := range b.Ops {
		first := len(plain)
		for _, r := range o.Rows {
			place++
			plain = append(plain, sideRow{r, place})
		}
		if !o.AppendsIf() {
			continue
		}
		look(s, o.If)
		insertRows(s, plain[first:])
		plain = plain[:first]
		n := int64(len(o.Rows))
		s.statement(sideRefuse, append(of, named.Arg("place", place-n), named.Arg("rows", n))...)
	}
	insertRows(s, plain)
	s.statement(sideForget, append(of, named.Arg("previous", b.Previous))...)
	return s.done(string(sideResult.Append(nil, literal, of...)) + ";COMMIT")
}

// look adds what looks at a condition.
func look(s *script, c *mvcc.SideNewest) {
	s.statement(sideLook, named.Arg("iftbl", []byte(c.Table)), named.Arg("ifkey", notNil(c.Key)), named.Arg("ifid", c.ID))
}

func insertRows(s *script, rows []sideRow) {
	insertSide.begin(s)
	for i := range rows {
		insertSide.add(s, &rows[i])
	}
	s.end()
}

// SideSettle implements mvcc.SideEngine. It waits for the transaction in doubt, if that still runs,
// for it holds the counter; one that comes later is refused.
func (e *Engine) SideSettle(ctx context.Context, b *mvcc.SideBatch) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.pruner.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	of := []named.Argument{named.Arg("writer", b.Writer), named.Arg("seq", b.Sequence)}
	text := sideFence.Append([]byte("START TRANSACTION;"), literal, of...)
	text = sideResult.Append(append(text, ';'), literal, of...)
	newest, deleted, err := sideResults(ctx, conn, string(text)+";COMMIT")
	if err != nil {
		e.rollback(conn, err)
		return false, classify(fmt.Errorf("find a batch of side rows: %w", err), false)
	}
	if newest == 0 {
		return false, nil
	}
	b.Number(newest)
	return true, b.SetResults(deleted)
}

// SidePage implements mvcc.SideEngine.
func (e *Engine) SidePage(ctx context.Context, q *mvcc.SideQuery) (page mvcc.SidePage, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	first, end := q.Bounds()
	if q.Backward {
		end = first
	}
	begin := q.Begin()
	text := sidePageQuery[q.Backward].Append(nil, literal, named.Arg("tbl", []byte(q.Table)), named.Arg("key", begin.Key), named.Arg("id", begin.ID), named.Arg("end", end),
		named.Arg("tail", q.KeyTail()), named.Arg("more", int64(q.Limit)+1), named.Arg("most", int64(q.Limit)), named.Arg("bytes", int64(q.MaxBytes)))
	found, err := e.readers.QueryContext(ctx, string(text))
	if err != nil {
		return page, fmt.Errorf("read the side table %s: %w", q.Table, err)
	}
	defer found.Close()
	there := 0
	for found.Next() {
		var at int64
		r := mvcc.SideRow{Table: q.Table}
		if err := found.Scan(&r.ID, &r.Key, &at, &r.Data, &there); err != nil {
			return page, fmt.Errorf("read the side table %s: %w", q.Table, err)
		}
		r.Time = time.UnixMilli(at)
		page.Rows = append(page.Rows, r)
	}
	if err := found.Err(); err != nil {
		return page, fmt.Errorf("read the side table %s: %w", q.Table, err)
	}
	page.Sort(q.Backward)
	page.More = len(page.Rows) < there
	return page, nil
}

// SideCount implements mvcc.SideEngine.
func (e *Engine) SideCount(ctx context.Context, s mvcc.SideSpan) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	first, end := s.Bounds()
	text := sideCountQuery.Append(nil, literal, named.Arg("tbl", []byte(s.Table)), named.Arg("first", first), named.Arg("end", end))
	if err := e.readers.QueryRowContext(ctx, string(text)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the rows of the side table %s: %w", s.Table, err)
	}
	return n, nil
}

// sideFound is what there is of a point.
type sideFound struct{ newest, writer, of int64 }

func (f *sideFound) columns() named.Columns {
	return named.Columns{
		named.Col("COALESCE(n.newest,0)", &f.newest), named.Col("COALESCE(n.writer,0)", &f.writer),
		named.Col("COALESCE((SELECT MAX(newest) FROM ark_side_batch FORCE INDEX (PRIMARY) WHERE writer=:writer),0)", &f.of),
	}
}

// SideFind implements mvcc.SideEngine.
func (e *Engine) SideFind(ctx context.Context, p mvcc.SidePoint) (newest mvcc.SidePoint, held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	var f sideFound
	if err := e.readers.QueryRowContext(ctx, sideFindQuery.Text, sideFindQuery.Args(named.Arg("writer", p.Writer))...).Scan(f.columns().Into()...); err != nil {
		return newest, false, fmt.Errorf("find the newest batch of side rows: %w", err)
	}
	return mvcc.SidePoint{Newest: f.newest, Writer: f.writer}, f.of >= p.Newest, nil
}
