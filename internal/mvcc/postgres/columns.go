package postgres

import (
	"strings"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// column is one of several rows on their way to the server: unnest makes rows of them again. Its
// name is also that of its parameter.
type column struct {
	name, kind string
	values     any // a slice
}

// unnest is the source of rows in SQL, which are called r.
func unnest(columns []column) string {
	var arrays []string
	for _, c := range columns {
		arrays = append(arrays, ":"+c.name+"::"+c.kind+"[]")
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS r (" + list(columns) + ")"
}

// list names columns.
func list(columns []column) string {
	var names []string
	for _, c := range columns {
		names = append(names, `"`+c.name+`"`)
	}
	return strings.Join(names, ", ")
}

func arguments(args []named.Argument, columns []column) []named.Argument {
	for _, c := range columns {
		args = append(args, named.Arg(c.name, c.values))
	}
	return args
}

// logColumns are those of a batch's log rows.
type logColumns struct {
	id, created, version, lease, prev, at []int64
	key, value                            [][]byte
	who                                   [rows.Texts][]*string
}

// columns are those of the log, but for the batch.
func (r *logColumns) columns() [8 + rows.Texts]column {
	all := [8 + rows.Texts]column{
		{"id", "bigint", r.id},
		{"key", "bytea", r.key},
		{"value", "bytea", r.value},
		{"created", "bigint", r.created},
		{"version", "bigint", r.version},
		{"lease", "bigint", r.lease},
		{"prev", "bigint", r.prev},
		{"at", "bigint", r.at},
	}
	for i, t := range whoColumns {
		all[8+i] = column{t.Name, "text", r.who[i]}
	}
	return all
}

// whoColumns are those that say who wrote.
var whoColumns = rows.Actor(&mvcc.Actor{})

func logOf(b *mvcc.Batch) *logColumns {
	n := rows.Count(b)
	numbers, bytes, texts := make([]int64, 6*n), make([][]byte, 2*n), make([]*string, rows.Texts*n)
	cut := func() []int64 { s := numbers[:0:n]; numbers = numbers[n:]; return s }
	cutBytes := func() [][]byte { s := bytes[:0:n]; bytes = bytes[n:]; return s }
	r := &logColumns{
		id: cut(), created: cut(), version: cut(), lease: cut(), prev: cut(), at: cut(),
		key: cutBytes(), value: cutBytes(),
	}
	for i := range r.who {
		r.who[i], texts = texts[:0:n], texts[n:]
	}
	for _, c := range b.Commits {
		r.add(c)
	}
	return r
}

func (r *logColumns) add(c *mvcc.Commit) {
	at := c.Time.UnixMilli()
	var who [rows.Texts]*string
	for i, t := range rows.Actor(&c.Actor) {
		who[i] = text(*t.Value)
	}
	for i, ev := range c.Events {
		row := rows.Of(c, i)
		if ev.Type == mvcc.EventPut && row.Value == nil {
			row.Value = []byte{} // NULL tells of a delete
		}
		r.id = append(r.id, row.ID)
		r.key = append(r.key, row.Key)
		r.value = append(r.value, row.Value)
		r.created = append(r.created, row.Created)
		r.version = append(r.version, row.Version)
		r.lease = append(r.lease, row.Lease)
		r.prev = append(r.prev, row.Prev)
		r.at = append(r.at, at)
		for i, text := range who {
			r.who[i] = append(r.who[i], text)
		}
	}
}

// text is NULL where nothing is known, which takes no room. The database's texts
// hold neither NUL nor what is no UTF-8.
func text(s string) *string {
	if s == "" {
		return nil
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	return &s
}

// liveColumns are those of the live keys that a batch leaves. A hash is that of a key which the
// batch creates.
type liveColumns struct {
	created, newest []int64
	hash            [][]byte
}

func (l liveColumns) columns() [3]column {
	return [...]column{
		{"live_created", "bigint", l.created},
		{"live_id", "bigint", l.newest},
		{"live_key_hash", "bytea", l.hash},
	}
}

func liveOf(left rows.Left) liveColumns {
	n := len(left.Moved) + len(left.Made)
	numbers := make([]int64, 2*n)
	l := liveColumns{numbers[:0:n], numbers[n:n], make([][]byte, len(left.Moved), n)}
	for _, part := range [][]rows.Live{left.Moved, left.Made} {
		for _, row := range part {
			l.created, l.newest = append(l.created, row.Created), append(l.newest, row.Newest)
		}
	}
	for _, row := range left.Made {
		l.hash = append(l.hash, mvcc.KeyHash(row.Key))
	}
	return l
}

// leaseColumns are those of leases granted or renewed, and the ids of those revoked.
type leaseColumns struct{ id, ttl, deadline, revoked []int64 }

func (l *leaseColumns) columns() [3]column {
	return [...]column{
		{"lease_id", "bigint", l.id},
		{"lease_ttl", "bigint", l.ttl},
		{"lease_deadline", "bigint", l.deadline},
	}
}

func leasesOf(b *mvcc.Batch) *leaseColumns {
	l := &leaseColumns{}
	for _, granted := range b.Leases {
		row := rows.LeaseOf(granted)
		l.id, l.ttl, l.deadline = append(l.id, row.ID), append(l.ttl, row.TTL), append(l.deadline, row.Deadline)
	}
	for _, id := range b.RevokedLeases {
		l.revoked = append(l.revoked, int64(id))
	}
	return l
}
