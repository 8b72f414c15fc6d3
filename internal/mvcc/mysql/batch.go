package mysql

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var (
	// advanceStatement moves the counter on, which must be at the base of a batch. Where it is not,
	// the update sets a column to NULL that cannot be, and the server carries out nothing that
	// follows: so a batch needs no answer before its end. Releases that draw their batches from 0 on
	// do not keep newest up to date.
	advanceStatement = named.Questions("UPDATE ark_counter SET batch=IF(revision=:base_revision AND changes=:base_change" +
		" AND (:base_batch=0 OR batch>=0 OR newest IN (0,:base_batch)),:batch,NULL)," +
		"newest=:newest,revision=:revision,changes=:change,compacted=GREATEST(compacted,:compacted) WHERE one=1")

	deleteStateStatement = named.Questions("DELETE s FROM ark_state s FORCE INDEX (PRIMARY) WHERE s.created IN (:created)")
)

// What is inserted by a batch.
var (
	insertLog = insert("ark_log", "",
		integer("id", func(r *logRow) int64 { return r.ID }),
		blob("key", func(r *logRow) []byte { return r.Key }),
		blob("value", func(r *logRow) []byte { return r.Value }),
		integer("created", func(r *logRow) int64 { return r.Created }),
		integer("version", func(r *logRow) int64 { return r.Version }),
		integer("lease", func(r *logRow) int64 { return r.Lease }),
		integer("prev", func(r *logRow) int64 { return r.Prev }),
		integer("at", func(r *logRow) int64 { return r.at }),
		integer("batch", func(r *logRow) int64 { return r.batch }),
		column[logRow]{actorNames(), func(buf []byte, r *logRow) []byte { return append(buf, r.who...) }})
	moveState = insert("ark_state", " ON DUPLICATE KEY UPDATE id=VALUES(id)",
		integer("created", func(l *rows.Live) int64 { return l.Created }),
		integer("id", func(l *rows.Live) int64 { return l.Newest }))
	createState = insert("ark_state", "",
		integer("created", func(l *rows.Live) int64 { return l.Created }),
		integer("id", func(l *rows.Live) int64 { return l.Newest }),
		column[rows.Live]{[]string{"key_hash"}, func(buf []byte, l *rows.Live) []byte { return appendHex(buf, mvcc.KeyHash(l.Key)) }})
	insertLease = insert("ark_lease", " ON DUPLICATE KEY UPDATE ttl=VALUES(ttl),deadline=VALUES(deadline),changed=VALUES(changed),gone=VALUES(gone)",
		integer("id", func(l *leaseRow) int64 { return l.ID }),
		integer("ttl", func(l *leaseRow) int64 { return l.TTL }),
		column[leaseRow]{[]string{"deadline"}, func(buf []byte, l *leaseRow) []byte {
			if l.gone != 0 {
				return append(buf, nowMillis...)
			}
			return literal(buf, l.Deadline)
		}},
		integer("changed", func(l *leaseRow) int64 { return l.changed }),
		integer("gone", func(l *leaseRow) int64 { return l.gone }))
)

// logRow is a row of the log on its way to the server. who is the text of the columns that all rows
// of a commit share.
type logRow struct {
	rows.Row
	at, batch int64
	who       []byte
}

// leaseRow is a row of the leases on its way to the server. One that has gone leaves a row behind
// that says so.
type leaseRow struct {
	rows.Lease
	changed, gone int64
}

// batch adds what a batch changes: the counter first.
func (s *script) batch(b *mvcc.Batch) {
	to, newest := b.After(), b.BaseBatch
	if len(b.Commits) > 0 {
		newest = b.ID
	}
	s.buf = slices.Grow(s.buf, roomFor(b))
	s.statement(advanceStatement,
		named.Arg("base_revision", b.Base.Revision), named.Arg("base_change", b.Base.Change), named.Arg("base_batch", b.BaseBatch),
		named.Arg("batch", b.ID), named.Arg("newest", newest),
		named.Arg("revision", to.Revision), named.Arg("change", to.Change), named.Arg("compacted", b.Compacted))
	s.log(b)
	s.state(b)
	s.leases(b, to.Change)
}

// roomFor is about how long a batch's text will be.
func roomFor(b *mvcc.Batch) int {
	n := 1 << 10
	for _, c := range b.Commits {
		for _, ev := range c.Events {
			n += 512 + len(ev.KV.Key) + len(ev.KV.Value)
		}
	}
	return n
}

func (s *script) log(b *mvcc.Batch) {
	insertLog.begin(s)
	row := logRow{batch: b.ID}
	for _, c := range b.Commits {
		row.at, row.who = c.Time.UnixMilli(), actor(row.who[:0], &c.Actor)
		for i := range c.Events {
			row.Row = rows.Of(c, i)
			insertLog.add(s, &row)
		}
	}
	s.end()
}

func actorNames() (names []string) {
	for _, t := range rows.Actor(&mvcc.Actor{}) {
		names = append(names, t.Name)
	}
	return names
}

// actor appends the text of the columns that say who wrote.
func actor(buf []byte, a *mvcc.Actor) []byte {
	for i, t := range rows.Actor(a) {
		if i > 0 {
			buf = append(buf, ',')
		}
		if *t.Value == "" {
			buf = append(buf, "NULL"...)
			continue
		}
		buf = quote(buf, []byte(cutText(strings.ToValidUTF8(*t.Value, "\uFFFD"))))
	}
	return buf
}

// maxText bounds a column that says who wrote, in bytes; the columns hold 65,535.
const maxText = 16 << 10

func cutText(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "")
}

// state adds what the batch leaves of the live keys.
func (s *script) state(b *mvcc.Batch) {
	left := rows.LeftBy(b)
	for part := range slices.Chunk(left.Gone, findMany) {
		s.statement(deleteStateStatement, named.Arg("created", part))
	}
	moveState.begin(s)
	for i := range left.Moved {
		moveState.add(s, &left.Moved[i])
	}
	createState.begin(s)
	for i := range left.Made {
		createState.add(s, &left.Made[i])
	}
	s.end()
}

// leases adds the leases.
func (s *script) leases(b *mvcc.Batch, change int64) {
	all := make([]leaseRow, 0, len(b.Leases)+len(b.RevokedLeases))
	for _, l := range b.Leases {
		all = append(all, leaseRow{rows.LeaseOf(l), change, 0})
	}
	for _, id := range b.RevokedLeases {
		all = append(all, leaseRow{rows.Lease{ID: int64(id)}, change, 1})
	}
	slices.SortFunc(all, func(a, b leaseRow) int { return cmp.Compare(a.ID, b.ID) })
	insertLease.begin(s)
	for i := range all {
		insertLease.add(s, &all[i])
	}
	s.end()
}
