package etcdserver

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Requests and answers change type here and nowhere else. Keys and values keep
// their backing arrays in both directions.

func fillKV(dst *mvccpb.KeyValue, kv *mvcc.KeyValue) {
	dst.Key = kv.Key
	dst.Value = kv.Value
	dst.CreateRevision = kv.CreateRevision
	dst.ModRevision = kv.ModRevision
	dst.Version = kv.Version
	dst.Lease = int64(kv.Lease)
}

func toKV(kv *mvcc.KeyValue) *mvccpb.KeyValue {
	if kv == nil {
		return nil
	}
	dst := new(mvccpb.KeyValue)
	fillKV(dst, kv)
	return dst
}

// toKVs converts a list with two allocations, however long it is.
func toKVs(kvs []*mvcc.KeyValue) []*mvccpb.KeyValue {
	if len(kvs) == 0 {
		return nil
	}
	slab := make([]mvccpb.KeyValue, len(kvs))
	out := make([]*mvccpb.KeyValue, len(kvs))
	for i, kv := range kvs {
		fillKV(&slab[i], kv)
		out[i] = &slab[i]
	}
	return out
}

// toEvents converts events with a few allocations for all of them. With prev they
// carry the version replaced, unless that has been compacted: as in etcd, where
// it is what a read at the revision before would return.
func toEvents(events []mvcc.Event, prev bool, compacted int64) []*mvccpb.Event {
	n := len(events)
	if prev {
		n *= 2
	}
	kvs := make([]mvccpb.KeyValue, n)
	slab := make([]mvccpb.Event, len(events))
	out := make([]*mvccpb.Event, len(events))
	for i, e := range events {
		ev := &slab[i]
		if e.Type == mvcc.EventDelete {
			ev.Type = mvccpb.Event_DELETE
		}
		ev.Kv, kvs = &kvs[0], kvs[1:]
		fillKV(ev.Kv, e.KV)
		if prev && e.Prev != nil && e.KV.ModRevision > compacted {
			ev.PrevKv, kvs = &kvs[0], kvs[1:]
			fillKV(ev.PrevKv, e.Prev)
		}
		out[i] = ev
	}
	return out
}

func span(key, end []byte) mvcc.Span { return mvcc.Span{Key: key, End: end} }

func toRange(r *pb.RangeRequest) *mvcc.Range {
	return &mvcc.Range{
		Span: span(r.GetKey(), r.GetRangeEnd()),
		// Anything below 1 means "newest" and "no limit".
		Revision:          max(r.GetRevision(), 0),
		Limit:             max(r.GetLimit(), 0),
		KeysOnly:          r.GetKeysOnly(),
		CountOnly:         r.GetCountOnly(),
		Serializable:      r.GetSerializable(),
		Sort:              mvcc.Sort{Order: mvcc.SortOrder(r.GetSortOrder()), Target: mvcc.SortTarget(r.GetSortTarget())},
		MinModRevision:    r.GetMinModRevision(),
		MaxModRevision:    r.GetMaxModRevision(),
		MinCreateRevision: r.GetMinCreateRevision(),
		MaxCreateRevision: r.GetMaxCreateRevision(),
	}
}

func fromRange(r *mvcc.RangeResult, h *pb.ResponseHeader) *pb.RangeResponse {
	return &pb.RangeResponse{Header: h, Kvs: toKVs(r.KVs), Count: r.Count, More: r.More}
}

func toPut(r *pb.PutRequest) *mvcc.Put {
	return &mvcc.Put{
		Key:         r.GetKey(),
		Value:       r.GetValue(),
		Lease:       mvcc.LeaseID(r.GetLease()),
		PrevKV:      r.GetPrevKv(),
		IgnoreValue: r.GetIgnoreValue(),
		IgnoreLease: r.GetIgnoreLease(),
	}
}

func toDelete(r *pb.DeleteRangeRequest) *mvcc.Delete {
	return &mvcc.Delete{Span: span(r.GetKey(), r.GetRangeEnd()), PrevKV: r.GetPrevKv()}
}
