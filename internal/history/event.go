package history

import (
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Select returns the object of a key of the store, and false if its changes are not kept.
type Select func(key []byte) (Ref, bool)

// versionOf returns the version that a revision made of an object, without the fields that come
// from the object. Its Object is the stored value, encrypted or not.
func versionOf(ref Ref, c *mvcc.Commit, ev mvcc.Event) *Version {
	v := &Version{
		Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name, Revision: ev.KV.ModRevision, Time: c.Time.Truncate(time.Millisecond),
		Verb: c.Actor.Verb, User: c.Actor.User, Impersonator: c.Actor.Impersonator, UserAgent: c.Actor.UserAgent,
		FieldManager: c.Actor.FieldManager, AuditID: c.Actor.AuditID,
	}
	if c.Actor.Groups != "" {
		v.Groups = strings.Split(c.Actor.Groups, ",")
	}
	kv := ev.KV
	if ev.Type == mvcc.EventDelete {
		v.Deleted = true
		if kv = ev.Prev; kv == nil {
			return v
		}
	}
	v.CreateRevision, v.Object = kv.CreateRevision, kv.Value
	return v
}

// describe sets the fields that come from the object, and returns its metadata. prev is the
// metadata of the version that it replaces: nil for none.
func (v *Version) describe(prev *meta) *meta {
	m := &meta{}
	if !m.read(v.Object) {
		v.Encrypted = len(v.Object) > 0
		return &meta{}
	}
	v.Kind, v.UID, v.Generation, v.Cause = m.kind, m.uid, m.generation, m.cause
	v.StatusOnly = prev != nil && !v.Deleted && m.statusOnly(prev)
	return m
}

// metaOf returns the metadata of an object, nil for no object or one that cannot be decoded.
func metaOf(kv *mvcc.KeyValue) *meta {
	m := &meta{}
	if kv == nil || !m.read(kv.Value) {
		return nil
	}
	return m
}

// change is a change in the log of an object whose history is kept.
type change struct {
	ref    Ref
	commit *mvcc.Commit
	event  mvcc.Event
	// translated is true if the event has JSON in place of the stored value.
	translated bool
	parsed     *Version
}

// changes calls visit for the changes of a revision.
func (a *Archive) changes(c *mvcc.Commit, visit func(change)) {
	for _, ev := range c.Events {
		ref, ok := a.wanted(ev.KV.Key)
		if !ok {
			continue
		}
		one := change{ref: ref, commit: c, event: ev}
		if kv := a.readable(ref, ev.KV); kv != ev.KV {
			one.event.KV, one.translated = kv, true
		}
		if kv := a.readable(ref, ev.Prev); kv != ev.Prev {
			one.event.Prev, one.translated = kv, true
		}
		visit(one)
	}
}

// readable returns a key with its value as JSON if it is stored in another form.
func (a *Archive) readable(ref Ref, kv *mvcc.KeyValue) *mvcc.KeyValue {
	if a.translate == nil || kv == nil || len(kv.Value) == 0 || kv.Value[0] == '{' {
		return kv
	}
	text := a.translate(ref, kv.Value)
	if text == nil {
		return kv
	}
	c := *kv
	c.Value = text
	return &c
}

// version returns the version that the change made of its object.
func (c *change) version() *Version {
	if c.parsed == nil {
		v := versionOf(c.ref, c.commit, c.event)
		v.describe(metaOf(c.event.Prev))
		c.parsed = v
	}
	return c.parsed
}

// may reports whether the change may match a query, as far as is known without its object.
func (c *change) may(q *Query) bool {
	return (q.Resource == Resource{} || q.Resource == c.ref.Resource) &&
		(q.Namespace == "" || q.Namespace == c.ref.Namespace) &&
		(q.Name == "" || q.Name == c.ref.Name) &&
		(q.User == "" || q.User == c.commit.Actor.User) &&
		(q.Verb == "" || q.Verb == c.commit.Actor.Verb)
}
