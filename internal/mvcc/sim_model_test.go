package mvcc_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// content is what a store holds at one revision, by key.
type content map[string]*mvcc.KeyValue

func (c content) in(s mvcc.Span) []*mvcc.KeyValue {
	var kvs []*mvcc.KeyValue
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if s.Contains([]byte(key)) {
			kvs = append(kvs, c[key])
		}
	}
	return kvs
}

// read answers those ranges that the simulation asks for.
func (c content) read(r *mvcc.Range) *mvcc.RangeResult {
	kvs := c.in(r.Span)
	res := &mvcc.RangeResult{Count: int64(len(kvs))}
	if r.CountOnly {
		return res
	}
	if r.Limit > 0 && r.Limit < res.Count {
		kvs, res.More = kvs[:r.Limit], true
	}
	res.KVs = kvs
	return res
}

// reference carries out a transaction in the obvious way.
type reference struct {
	before   content // what all compares are decided on
	now      content
	revision int64 // of before
	at       func(int64) content
	events   []mvcc.Event
}

func refer(before content, revision int64, at func(int64) content) *reference {
	now := content{}
	maps.Copy(now, before)
	return &reference{before: before, now: now, revision: revision, at: at}
}

func (x *reference) newest() int64 {
	if len(x.events) > 0 {
		return x.revision + 1
	}
	return x.revision
}

func (x *reference) txn(t *mvcc.Txn) *mvcc.TxnResult {
	res := &mvcc.TxnResult{Succeeded: true}
	ops := t.Then
	for _, c := range t.Compares {
		if !x.holds(c) {
			res.Succeeded, ops = false, t.Else
		}
	}
	for _, op := range ops {
		res.Results = append(res.Results, x.op(op))
	}
	res.Revision = x.newest()
	return res
}

// holds knows the compares of one key, for equality.
func (x *reference) holds(c mvcc.Compare) bool {
	kv, there := x.before[string(c.Key)]
	if !there {
		if c.Target == mvcc.CompareValue {
			return false
		}
		kv = &mvcc.KeyValue{}
	}
	switch c.Target {
	case mvcc.CompareVersion:
		return kv.Version == c.Int
	case mvcc.CompareCreate:
		return kv.CreateRevision == c.Int
	case mvcc.CompareMod:
		return kv.ModRevision == c.Int
	case mvcc.CompareLease:
		return int64(kv.Lease) == c.Int
	default:
		return bytes.Equal(kv.Value, c.Value)
	}
}

func (x *reference) op(op mvcc.Op) mvcc.OpResult {
	switch op := op.(type) {
	case *mvcc.Range:
		c := x.now
		if op.Revision != 0 {
			c = x.at(op.Revision)
		}
		res := c.read(op)
		res.Revision = x.newest()
		return res
	case *mvcc.Put:
		rev := x.revision + 1
		kv := &mvcc.KeyValue{Key: op.Key, Value: op.Value, Lease: op.Lease, Version: 1,
			CreateRevision: rev, ModRevision: rev, CreatePosition: len(x.events)}
		prev := x.now[string(op.Key)]
		if prev != nil {
			kv.Version, kv.CreateRevision, kv.CreatePosition = prev.Version+1, prev.CreateRevision, prev.CreatePosition
		}
		x.now[string(op.Key)] = kv
		x.events = append(x.events, mvcc.Event{KV: kv, Prev: prev})
		res := &mvcc.PutResult{Revision: rev}
		if op.PrevKV {
			res.Prev = prev
		}
		return res
	case *mvcc.Delete:
		res := &mvcc.DeleteResult{}
		for _, kv := range x.now.in(op.Span) {
			x.remove(string(kv.Key))
			res.Deleted++
			if op.PrevKV {
				res.Prev = append(res.Prev, kv)
			}
		}
		res.Revision = x.newest()
		return res
	default:
		return x.txn(op.(*mvcc.Txn))
	}
}

func (x *reference) remove(key string) {
	prev := x.now[key]
	delete(x.now, key)
	x.events = append(x.events, mvcc.Event{Type: mvcc.EventDelete, Prev: prev,
		KV: &mvcc.KeyValue{Key: prev.Key, ModRevision: x.revision + 1}})
}

// show prints an answer, so that two can be compared.
func show(res mvcc.OpResult) string {
	switch res := res.(type) {
	case *mvcc.RangeResult:
		return fmt.Sprintf("range@%d of %d, more %t: %s", res.Revision, res.Count, res.More, showKVs(res.KVs))
	case *mvcc.PutResult:
		return fmt.Sprintf("put@%d for %s", res.Revision, showKV(res.Prev))
	case *mvcc.DeleteResult:
		return fmt.Sprintf("deleted@%d %d: %s", res.Revision, res.Deleted, showKVs(res.Prev))
	default:
		t := res.(*mvcc.TxnResult)
		var parts []string
		for _, r := range t.Results {
			parts = append(parts, show(r))
		}
		return fmt.Sprintf("txn@%d %t (%s)", t.Revision, t.Succeeded, strings.Join(parts, "; "))
	}
}

func showKVs(kvs []*mvcc.KeyValue) string {
	var parts []string
	for _, kv := range kvs {
		parts = append(parts, showKV(kv))
	}
	return strings.Join(parts, " ")
}

func showKV(kv *mvcc.KeyValue) string {
	if kv == nil {
		return "nothing"
	}
	return fmt.Sprintf("%s=%s(c%d.%d m%d v%d l%d)", kv.Key, kv.Value, kv.CreateRevision, kv.CreatePosition, kv.ModRevision, kv.Version, kv.Lease)
}

func showEvents(evs []mvcc.Event) string {
	var parts []string
	for _, e := range evs {
		if e.Type == mvcc.EventDelete {
			parts = append(parts, fmt.Sprintf("delete %s@%d of %s", e.KV.Key, e.KV.ModRevision, showKV(e.Prev)))
		} else {
			parts = append(parts, fmt.Sprintf("put %s for %s", showKV(e.KV), showKV(e.Prev)))
		}
	}
	return strings.Join(parts, "; ")
}
