package rows

import (
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// Row is a row of the log as far as the store reads it: one change of one key.
type Row struct {
	ID    int64
	Key   []byte
	Value []byte // NULL for a delete
	// Created is the id of the row that created the key.
	Created int64
	// Version counts the puts since then; 0 is a delete.
	Version int64
	Lease   int64
	// Prev is the revision of the row that this one replaces, 0 for none.
	Prev int64
}

// Of returns the row of the event at a position of a commit.
func Of(c *mvcc.Commit, position int) Row {
	ev := c.Events[position]
	r := Row{
		ID: ID(c.Revision, position), Key: ev.KV.Key, Value: ev.KV.Value, Created: createdBy(ev),
		Version: ev.KV.Version, Lease: int64(ev.KV.Lease),
	}
	if ev.Prev != nil {
		r.Prev = ev.Prev.ModRevision
	}
	return r
}

// createdBy is the id of the row that created an event's key.
func createdBy(ev mvcc.Event) int64 {
	if ev.Type == mvcc.EventDelete {
		return Created(ev.Prev)
	}
	return Created(ev.KV)
}

// room is for the columns that engines add.
const room = 16

// Columns are those that say what the row makes of its key, in a table or an alias of it.
func (r *Row) Columns(table string) named.Columns {
	return append(make(named.Columns, 0, room),
		named.Of(table, "id", &r.ID),
		named.Of(table, "key", &r.Key),
		named.Of(table, "value", &r.Value),
		named.Of(table, "created", &r.Created),
		named.Of(table, "version", &r.Version),
		named.Of(table, "lease", &r.Lease))
}

// KeyValue is what the row makes of its key; the row is not a delete.
func (r *Row) KeyValue() *mvcc.KeyValue {
	return &mvcc.KeyValue{
		Key: r.Key, Value: r.Value, ModRevision: Revision(r.ID), Version: r.Version, Lease: mvcc.LeaseID(r.Lease),
		CreateRevision: Revision(r.Created), CreatePosition: int(r.Created % positions),
	}
}

// Event is the change, which replaces what prev says of the same key; prev is nil, or its ID 0,
// where there is nothing to replace.
func (r *Row) Event(prev *Row) mvcc.Event {
	ev := mvcc.Event{}
	if r.Version == 0 {
		ev.Type, ev.KV = mvcc.EventDelete, &mvcc.KeyValue{Key: r.Key, ModRevision: Revision(r.ID)}
	} else {
		ev.KV = r.KeyValue()
	}
	if prev != nil && prev.ID != 0 {
		ev.Prev = prev.KeyValue()
		ev.Prev.Key = r.Key
	}
	return ev
}
