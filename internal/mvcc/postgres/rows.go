package postgres

import (
	"strings"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// rows are the columns of a batch's log rows, and what they make of the state.
type rows struct {
	id, created, version, lease, prev, at []int64
	key, value                            [][]byte

	user, groups, impersonator, userAgent, fieldManager, auditID, verb []*string

	// live keys, by the row that created them, with their newest row and, where the batch
	// creates them, their hash; and the keys from before the batch that are dead.
	live, newest, dead []int64
	hash               [][]byte
}

func rowsOf(b *mvcc.Batch) *rows {
	n := 0
	for _, c := range b.Commits {
		n += len(c.Events)
	}
	numbers, bytes, texts := make([]int64, 6*n), make([][]byte, 2*n), make([]*string, 7*n)
	cut := func() []int64 { s := numbers[:0:n]; numbers = numbers[n:]; return s }
	cutBytes := func() [][]byte { s := bytes[:0:n]; bytes = bytes[n:]; return s }
	cutTexts := func() []*string { s := texts[:0:n]; texts = texts[n:]; return s }
	r := &rows{
		id: cut(), created: cut(), version: cut(), lease: cut(), prev: cut(), at: cut(),
		key: cutBytes(), value: cutBytes(),
		user: cutTexts(), groups: cutTexts(), impersonator: cutTexts(), userAgent: cutTexts(),
		fieldManager: cutTexts(), auditID: cutTexts(), verb: cutTexts(),
	}
	for _, c := range b.Commits {
		r.add(c)
	}
	r.state(b)
	return r
}

func (r *rows) add(c *mvcc.Commit) {
	at := c.Time.UnixMilli()
	user, groups, impersonator := text(c.Actor.User), text(c.Actor.Groups), text(c.Actor.Impersonator)
	agent, manager, audit, verb := text(c.Actor.UserAgent), text(c.Actor.FieldManager), text(c.Actor.AuditID), text(c.Actor.Verb)
	for i, ev := range c.Events {
		prev, value := int64(0), ev.KV.Value
		if ev.Prev != nil {
			prev = ev.Prev.ModRevision
		}
		if ev.Type == mvcc.EventPut && value == nil {
			value = []byte{} // NULL tells of a delete
		}
		r.id = append(r.id, c.Revision*positions+int64(i))
		r.key = append(r.key, ev.KV.Key)
		r.value = append(r.value, value)
		r.created = append(r.created, createdID(ev))
		r.version = append(r.version, ev.KV.Version)
		r.lease = append(r.lease, int64(ev.KV.Lease))
		r.prev = append(r.prev, prev)
		r.at = append(r.at, at)
		r.user = append(r.user, user)
		r.groups = append(r.groups, groups)
		r.impersonator = append(r.impersonator, impersonator)
		r.userAgent = append(r.userAgent, agent)
		r.fieldManager = append(r.fieldManager, manager)
		r.auditID = append(r.auditID, audit)
		r.verb = append(r.verb, verb)
	}
}

// state works out what is left of the batch's changes in the end. A key that
// the batch creates and deletes leaves nothing.
func (r *rows) state(b *mvcc.Batch) {
	newest := make(map[int64]int64, len(r.id)) // by creating row; 0 is dead
	order := make([]int, 0, len(r.id))         // the first row of each
	for i, created := range r.created {
		if _, ok := newest[created]; !ok {
			order = append(order, i)
		}
		newest[created] = r.id[i]
		if r.version[i] == 0 {
			newest[created] = 0
		}
	}
	first := (b.Base.Revision + 1) * positions
	for _, i := range order {
		created := r.created[i]
		switch id := newest[created]; {
		case id != 0:
			var hash []byte
			if created >= first {
				hash = mvcc.KeyHash(r.key[i])
			}
			r.live, r.newest, r.hash = append(r.live, created), append(r.newest, id), append(r.hash, hash)
		case created < first:
			r.dead = append(r.dead, created)
		}
	}
}

// createdID is the id of the row that created the event's key.
func createdID(ev mvcc.Event) int64 {
	kv := ev.KV
	if ev.Type == mvcc.EventDelete {
		kv = ev.Prev
	}
	return kv.CreateRevision*positions + int64(kv.CreatePosition)
}

// setCreated is the inverse of createdID.
func setCreated(kv *mvcc.KeyValue, id int64) {
	kv.CreateRevision, kv.CreatePosition = id/positions, int(id%positions)
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

// leases are the columns of a batch's leases.
type leases struct{ id, ttl, deadline, revoked []int64 }

func leasesOf(b *mvcc.Batch) leases {
	var ls leases
	for _, l := range b.Leases {
		ls.id = append(ls.id, int64(l.ID))
		ls.ttl = append(ls.ttl, l.TTL)
		ls.deadline = append(ls.deadline, l.Deadline.UnixMilli())
	}
	for _, id := range b.RevokedLeases {
		ls.revoked = append(ls.revoked, int64(id))
	}
	return ls
}
