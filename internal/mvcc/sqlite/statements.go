package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// logColumns are those of the log, in the order in which Engine.append gives their values.
func logColumns() []string {
	columns := []string{"id", "key", "value", "created", "version", "lease", "prev", "at"}
	for _, t := range rows.Actor(&mvcc.Actor{}) {
		columns = append(columns, t.Name)
	}
	return append(columns, "checksum")
}

// What the writer does.
var (
	appendLogStatement     = named.Questions(insert("log", logColumns()...))
	putStateStatement      = named.Questions(insert("state", "created", "id") + " ON CONFLICT (created) DO UPDATE SET id = excluded.id")
	deleteStateStatement   = named.Questions("DELETE FROM state WHERE created = :created")
	putLeaseStatement      = named.Questions(insert("lease", "id", "ttl", "deadline", "checksum") + " ON CONFLICT (id) DO UPDATE SET ttl = excluded.ttl, deadline = excluded.deadline, checksum = excluded.checksum")
	deleteLeaseStatement   = named.Questions("DELETE FROM lease WHERE id = :id")
	setMetaStatement       = named.Questions("UPDATE meta SET value = :value WHERE name = :name")
	pruneReplacedStatement = named.Questions(`DELETE FROM log WHERE id IN (
		SELECT p.id FROM log l CROSS JOIN log p ON ` + rows.InRevision("p.id", "l.prev") + ` AND p.key = l.key
		WHERE l.id >= :first AND l.id < :end AND l.prev > 0)`)
	pruneGoneStatement = named.Questions("DELETE FROM log WHERE id >= :first AND id < :end AND version = 0")
	sealStatement      = named.Questions("UPDATE log SET checksum = :checksum WHERE id = :id AND checksum = 0")
)

// What is done to side tables.
var (
	appendSideStatement   = named.Questions(insert("side", "id", "tbl", "key", "at", "data", "checksum"))
	putSideTableStatement = named.Questions(insert("side_table", "name", "rows", "bytes", "digest") +
		" ON CONFLICT (name) DO UPDATE SET rows = excluded.rows, bytes = excluded.bytes, digest = excluded.digest")
	// The index is named, because the planner has no statistics.
	deleteSideStatement = map[bool]named.Statement{
		false: named.Questions(deleteSide("side_key", "key, id")),
		true:  named.Questions(deleteSide("side_time", "at, id")),
	}
	newestSideQuery = named.Questions("SELECT coalesce(max(id), 0) FROM side INDEXED BY side_key WHERE tbl = :table AND key = :key")
	countSideQuery  = named.Questions("SELECT count(*) FROM side INDEXED BY side_key WHERE tbl = :table AND key >= :first AND key < :end")
	pageSideQuery   = map[bool]named.Statement{false: named.Questions(pageSide(">", "<", "ASC")), true: named.Questions(pageSide("<", ">=", "DESC"))}
	scrubSideQuery  = named.Questions("SELECT " + new(sideRow).columns().String() + " FROM side s WHERE s.id > :after ORDER BY s.id LIMIT :most")
	sideNewestQuery = "SELECT value FROM meta WHERE name = '" + metaSide + "'"
	sideTablesQuery = "SELECT " + new(sideTable).columns().String() + " FROM side_table t"
	sideBytesQuery  = "SELECT coalesce(sum(bytes), 0) FROM side_table"
	missingSide     = named.Questions("SELECT i.id, i.key FROM side i INDEXED BY side_key WHERE i.tbl = :table AND NOT EXISTS (SELECT 1 FROM side s NOT INDEXED WHERE s.id = i.id) LIMIT 1000")
)

func deleteSide(index, order string) string {
	return "DELETE FROM side WHERE id IN (SELECT id FROM side INDEXED BY " + index +
		" WHERE tbl = :table AND key >= :first AND key < :end AND at < :until ORDER BY " + order + " LIMIT :most)" +
		" RETURNING id, checksum, length(key) + length(data)"
}

// pageSide reads rows beyond a place up to the other end of their span, in order and as far as they
// are asked for: nothing is sorted, counted or kept. The end of the key is compared in the index.
// The rest of the place's key is a part of its own: SQLite looks for a pair of key and id in an
// index by its first half only.
func pageSide(beyond, within, direction string) string {
	part := func(where, order string) string {
		return "SELECT * FROM (SELECT " + new(sideRow).columns().String() + " FROM side s INDEXED BY side_key WHERE s.tbl = :table AND " +
			where + " AND s.key " + within + " :end AND coalesce(substr(s.key, -length(:tail)), x'') <= :tail ORDER BY " + order + " " + direction + ")"
	}
	return part("s.key = :key AND s.id "+beyond+" :id", "s.id") + " UNION ALL " + part("s.key "+beyond+" :key", "s.key "+direction+", s.id") +
		" LIMIT :most + 1"
}

// insert is the statement that inserts a row, with a parameter for each of the columns.
func insert(table string, columns ...string) string {
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (:%s)", table, strings.Join(columns, ", "), strings.Join(columns, ", :"))
}

// What is read, and into what.
var (
	stateQuery = "SELECT " + stateColumns(&mvcc.State{}).String() + `
		FROM meta c, meta p WHERE c.name = '` + metaCompacted + `' AND p.name = '` + metaPruned + `'`
	identityQuery = "SELECT " + new(identity).columns().String() + `
		FROM meta s, meta q WHERE s.name = '` + metaStore + `' AND q.name = '` + metaQuiet + `'`
	leasesQuery = "SELECT " + new(lease).columns().String() + " FROM lease l ORDER BY l.id"
	eventsQuery = named.Questions("SELECT " + new(change).columns().String() + `
		FROM log l LEFT JOIN log p ON l.prev > 0 AND ` + rows.InRevision("p.id", "l.prev") + ` AND p.key = l.key
		WHERE l.id >= :first AND l.id < :end ORDER BY l.id`)
	countStateQuery = "SELECT count(*) FROM state"
	splitStateQuery = named.Questions("SELECT created FROM state ORDER BY created LIMIT 1 OFFSET :offset")
	loadQuery       = named.Questions("SELECT " + new(loaded).columns().String() + `
		FROM state s CROSS JOIN log l ON l.id = s.id
		WHERE s.created >= :first AND s.created < :end`)
	missingQuery = "SELECT " + new(rows.Live).Columns("s").String() + " FROM state s WHERE s.id NOT IN (SELECT id FROM log) LIMIT 1000"
	liveQuery    = "SELECT " + new(rows.Live).Columns("s").String() + " FROM state s"
	scrubQuery   = named.Questions("SELECT " + new(fullRow).columns().String() + `
		FROM log l WHERE l.id > :after ORDER BY l.id LIMIT :most`)
)

// stateColumns are those of a state, but for the leases. Rows up to the compacted revision may have
// been deleted, the newest of them too.
func stateColumns(st *mvcc.State) named.Columns {
	return named.Columns{
		named.Col("max(1, c.value, coalesce((SELECT "+rows.RevisionOf("max(id)")+" FROM log), 0))", &st.Revision),
		named.Of("c", "value", &st.Compacted),
		named.Of("p", "value", &st.Pruned),
	}
}

// identity is what marks remember a database by.
type identity struct {
	store int64 // mark.StoreID
	quiet bool
}

func (i *identity) columns() named.Columns {
	return named.Columns{named.Of("s", "value", &i.store), named.Of("q", "value", &i.quiet)}
}

// querier is a pool, connection or transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// readState reads the state, but for the leases.
func readState(ctx context.Context, db querier) (st mvcc.State, err error) {
	err = db.QueryRowContext(ctx, stateQuery).Scan(stateColumns(&st).Into()...)
	return st, err
}

func readIdentity(ctx context.Context, db querier) (i identity, err error) {
	err = db.QueryRowContext(ctx, identityQuery).Scan(i.columns().Into()...)
	return i, err
}

// statement is one of the writer's, prepared.
type statement struct {
	named.Statement
	prepared *sql.Stmt
	values   []any // one execution's after the other
}

func (s *statement) query(args ...named.Argument) (*sql.Rows, error) {
	s.values = s.AppendArgs(s.values[:0], args...)
	defer clear(s.values)
	return s.prepared.Query(s.values...)
}

func (s *statement) exec(args ...named.Argument) (sql.Result, error) {
	return s.execValues(s.AppendArgs(s.values[:0], args...))
}

// execValues takes the values in the order of the parameters, appended to s.values[:0].
func (s *statement) execValues(values []any) (sql.Result, error) {
	s.values = values
	defer clear(s.values)
	return s.prepared.Exec(values...)
}

// prepare prepares the writer's statements.
func (e *Engine) prepare(ctx context.Context) error {
	e.deleteSide = map[bool]*statement{false: {}, true: {}}
	for _, s := range []struct {
		into *statement
		is   named.Statement
	}{
		{&e.begin, named.Questions("BEGIN IMMEDIATE")},
		{&e.commit, named.Questions("COMMIT")},
		{&e.rollback, named.Questions("ROLLBACK")},
		{&e.appendLog, appendLogStatement},
		{&e.putState, putStateStatement},
		{&e.deleteState, deleteStateStatement},
		{&e.putLease, putLeaseStatement},
		{&e.deleteLease, deleteLeaseStatement},
		{&e.setMeta, setMetaStatement},
		{&e.pruneReplaced, pruneReplacedStatement},
		{&e.pruneGone, pruneGoneStatement},
		{&e.sealRow, sealStatement},
		{&e.appendSide, appendSideStatement},
		{&e.putSideTable, putSideTableStatement},
		{&e.newestSide, newestSideQuery},
		{e.deleteSide[false], deleteSideStatement[false]},
		{e.deleteSide[true], deleteSideStatement[true]},
	} {
		stmt, err := e.writer.PrepareContext(ctx, s.is.Text)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", s.is.Text, err)
		}
		*s.into = statement{Statement: s.is, prepared: stmt}
		e.prepared = append(e.prepared, stmt)
	}
	return nil
}
