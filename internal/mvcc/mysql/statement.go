package mysql

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// positions is how many row ids a revision has: id = revision*positions +
// position.
const positions = 1 << 20

// script is SQL text on its way to the server, cut into packets that the server
// takes. Each is a list of whole statements, sent in one round trip.
type script struct {
	// limit is how long a packet may get, in bytes.
	limit   int
	packets [][]byte
	buf     []byte
	// The insert that rows are being added to: what it begins and ends with.
	head, tail string
}

// What the rows of a batch begin with. The columns are named, because a later migration
// may add some while this version still runs.
const (
	insertLog = "INSERT INTO ark_log (id,`key`,value,created,version,lease,prev,at,batch," +
		"user,`groups`,impersonator,user_agent,field_manager,audit_id,verb) VALUES "
	insertState = "INSERT INTO ark_state (created,id) VALUES "
	createState = "INSERT INTO ark_state (created,id,key_hash) VALUES "
	insertLease = "INSERT INTO ark_lease (id,ttl,deadline,changed,gone) VALUES "
)

// Room for what surrounds the longest row.
const packetMargin = 4 << 10

func newScript(limit int) *script {
	return &script{limit: limit - packetMargin}
}

// statement adds a whole one.
func (s *script) statement(format string, args ...any) {
	s.end()
	text := fmt.Appendf(nil, format, args...)
	if len(s.buf)+len(text) > s.limit {
		s.cut()
	}
	s.buf = append(append(s.buf, text...), ';')
}

// insert begins a statement that row adds rows to; tail ends it.
func (s *script) insert(head, tail string) {
	s.end()
	s.head, s.tail = head, tail
}

// row adds a row to the insert. write appends its text.
func (s *script) row(write func([]byte) []byte) {
	before := len(s.buf)
	s.open()
	begin := len(s.buf)
	s.buf = write(s.buf)
	if len(s.buf) <= s.limit || before == 0 {
		return
	}
	// It goes into a packet of its own.
	row := slices.Clone(s.buf[begin:])
	s.buf = s.buf[:before]
	head, tail := s.head, s.tail
	s.end()
	s.cut()
	s.head, s.tail = head, tail
	s.open()
	s.buf = append(s.buf, row...)
}

// open begins the insert's text, or goes on with it.
func (s *script) open() {
	if n := len(s.buf); n > 0 && s.buf[n-1] == ')' {
		s.buf = append(s.buf, ',')
		return
	}
	s.buf = append(s.buf, s.head...)
}

// end completes the insert that is open.
func (s *script) end() {
	if n := len(s.buf); s.head != "" && n > 0 && s.buf[n-1] == ')' {
		s.buf = append(append(s.buf, s.tail...), ';')
	}
	s.head, s.tail = "", ""
}

func (s *script) cut() {
	if len(s.buf) > 0 {
		s.packets = append(s.packets, s.buf)
		s.buf = nil
	}
}

// batch adds what a batch changes: the counter first, which must be at the batch's
// base.
//
// Where it is not, the update sets a column to NULL that cannot be, and the server
// carries out nothing that follows. So a batch needs no answer before its end.
func (s *script) batch(b *mvcc.Batch) {
	revision, change, newest := b.Base.Revision, b.Base.Change, b.BaseBatch
	if n := len(b.Commits); n > 0 {
		revision, newest = b.Commits[n-1].Revision, b.ID
	}
	same := ""
	if b.BaseBatch != 0 {
		// Releases that draw their batches from 0 on do not keep the column up to date.
		same = fmt.Sprintf(" AND (batch>=0 OR newest IN (0,%d))", b.BaseBatch)
	}
	if len(b.Leases)+len(b.RevokedLeases) > 0 || b.Compacted > 0 {
		change++
	}
	s.buf = slices.Grow(s.buf, roomFor(b))
	s.statement("UPDATE ark_counter SET batch=IF(revision=%d AND changes=%d%s,%d,NULL),newest=%d,revision=%d,changes=%d,compacted=GREATEST(compacted,%d) WHERE one=1",
		b.Base.Revision, b.Base.Change, same, b.ID, newest, revision, change, b.Compacted)
	s.log(b)
	s.state(b)
	s.leases(b, change)
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
	s.insert(insertLog, "")
	for _, c := range b.Commits {
		who := actor(c)
		for i, ev := range c.Events {
			s.row(func(buf []byte) []byte { return appendEvent(buf, b.ID, c, i, ev, who) })
		}
	}
	s.end()
}

// actor is the text of the columns that all rows of a commit share.
func actor(c *mvcc.Commit) []byte {
	var buf []byte
	for _, text := range []string{c.Actor.User, c.Actor.Groups, c.Actor.Impersonator, c.Actor.UserAgent,
		c.Actor.FieldManager, c.Actor.AuditID, c.Actor.Verb} {
		buf = append(buf, ',')
		if text == "" {
			buf = append(buf, "NULL"...) // takes no room
			continue
		}
		buf = quote(buf, []byte(cutText(strings.ToValidUTF8(text, "\uFFFD"))))
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

func appendEvent(buf []byte, batch int64, c *mvcc.Commit, i int, ev mvcc.Event, who []byte) []byte {
	id := c.Revision*positions + int64(i)
	prev := int64(0)
	if ev.Prev != nil {
		prev = ev.Prev.ModRevision
	}
	created := createdOf(ev)
	buf = strconv.AppendInt(append(buf, '('), id, 10)
	buf = quote(append(buf, ','), ev.KV.Key)
	buf = append(buf, ',')
	if ev.KV.Value == nil {
		buf = append(buf, "NULL"...)
	} else {
		buf = quote(buf, ev.KV.Value)
	}
	for _, n := range [...]int64{created, ev.KV.Version, int64(ev.KV.Lease), prev, c.Time.UnixMilli(), batch} {
		buf = strconv.AppendInt(append(buf, ','), n, 10)
	}
	return append(append(buf, who...), ')')
}

// createdOf is the id of the row that created the event's key.
func createdOf(ev mvcc.Event) int64 {
	kv := ev.KV
	if ev.Type == mvcc.EventDelete {
		kv = ev.Prev
	}
	return kv.CreateRevision*positions + int64(kv.CreatePosition)
}

// quote appends a literal. Sessions run with NO_BACKSLASH_ESCAPES.
func quote(buf, b []byte) []byte {
	buf = append(buf, '\'')
	for {
		i := bytes.IndexByte(b, '\'')
		if i < 0 {
			return append(append(buf, b...), '\'')
		}
		buf = append(append(buf, b[:i+1]...), '\'')
		b = b[i+1:]
	}
}

// state adds the pointers to the newest rows, one change a key however often the
// batch writes it.
func (s *script) state(b *mvcc.Batch) {
	type row struct {
		newest int64 // 0 where the key is gone
		key    []byte
	}
	rows := map[int64]row{} // by creating row
	for _, c := range b.Commits {
		for i, ev := range c.Events {
			r := row{c.Revision*positions + int64(i), ev.KV.Key}
			if ev.Type == mvcc.EventDelete {
				r.newest = 0
			}
			rows[createdOf(ev)] = r
		}
	}
	first := (b.Base.Revision + 1) * positions
	keys := slices.Sorted(maps.Keys(rows))
	existing, made := keys, []int64(nil)
	if i, _ := slices.BinarySearch(keys, first); i < len(keys) {
		existing, made = keys[:i], keys[i:]
	}
	// A key may be deleted and created anew, so deleting comes first.
	var gone []int64
	for _, created := range existing {
		if rows[created].newest == 0 {
			gone = append(gone, created)
		}
	}
	for part := range slices.Chunk(gone, findMany) {
		s.statement(deleteStateStatement, list(part))
	}
	s.insert(insertState, " ON DUPLICATE KEY UPDATE id=VALUES(id)")
	for _, created := range existing {
		if id := rows[created].newest; id != 0 {
			s.row(func(buf []byte) []byte { return append(appendPair(buf, created, id), ')') })
		}
	}
	s.insert(createState, "")
	for _, created := range made {
		if r := rows[created]; r.newest != 0 {
			s.row(func(buf []byte) []byte {
				buf = append(appendPair(buf, created, r.newest), ",X'"...)
				return append(hex.AppendEncode(buf, mvcc.KeyHash(r.key)), "')"...)
			})
		}
	}
	s.end()
}

func appendPair(buf []byte, a, b int64) []byte {
	buf = strconv.AppendInt(append(buf, '('), a, 10)
	return strconv.AppendInt(append(buf, ','), b, 10)
}

const deleteStateStatement = "DELETE s FROM ark_state s FORCE INDEX (PRIMARY) WHERE s.created IN (%s)"

// leases adds the leases. Those that have gone leave a row behind that says so.
func (s *script) leases(b *mvcc.Batch, change int64) {
	rows := map[mvcc.LeaseID]string{}
	for _, l := range b.Leases {
		rows[l.ID] = fmt.Sprintf("(%d,%d,%d,%d,0)", l.ID, l.TTL, l.Deadline.UnixMilli(), change)
	}
	for _, id := range b.RevokedLeases {
		rows[id] = fmt.Sprintf("(%d,0,%s,%d,1)", id, nowMillis, change)
	}
	s.insert(insertLease, " ON DUPLICATE KEY UPDATE ttl=VALUES(ttl),deadline=VALUES(deadline),changed=VALUES(changed),gone=VALUES(gone)")
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		s.row(func(buf []byte) []byte { return append(buf, rows[id]...) })
	}
	s.end()
}

// The server's clock, whatever its time zone.
const (
	nowMicros = "TIMESTAMPDIFF(MICROSECOND,'1970-01-01',UTC_TIMESTAMP(6))"
	nowMillis = nowMicros + " DIV 1000"
)

// done completes the script with a last statement.
func (s *script) done(last string) [][]byte {
	s.end()
	s.buf = append(s.buf, last...)
	s.cut()
	return s.packets
}

func list(ids []int64) []byte {
	buf := make([]byte, 0, 20*len(ids))
	for i, id := range ids {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = strconv.AppendInt(buf, id, 10)
	}
	return buf
}
