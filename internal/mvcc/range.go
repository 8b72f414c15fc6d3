package mvcc

import (
	"bytes"
	"cmp"
	"slices"
)

// read answers a Range from a tree. It leaves Revision to the caller.
func (t tree) read(r *Range) *RangeResult {
	res := &RangeResult{Count: int64(t.count(r.Span))}
	if r.CountOnly || res.Count == 0 {
		return res
	}
	if !r.filters() && !r.Sort.needed() {
		n := res.Count
		if r.Limit > 0 && r.Limit < n {
			n, res.More = r.Limit, true
		}
		res.KVs = make([]*KeyValue, 0, n)
		t.ascend(r.Span, func(kv *KeyValue) bool {
			res.KVs = append(res.KVs, kv)
			return int64(len(res.KVs)) < n
		})
	} else {
		// As in etcd: with a target but no order, the order is applied to the
		// first keys up to the limit and one more.
		most := res.Count
		if r.Limit > 0 && r.Limit < most && r.Sort.Order == SortNone && !r.filters() {
			most = r.Limit + 1
		}
		t.ascend(r.Span, func(kv *KeyValue) bool {
			if r.passes(kv) {
				res.KVs = append(res.KVs, kv)
			}
			return int64(len(res.KVs)) < most
		})
		r.Sort.apply(res.KVs)
		if r.Limit > 0 && int64(len(res.KVs)) > r.Limit {
			res.KVs, res.More = res.KVs[:r.Limit], true
		}
	}
	if r.KeysOnly {
		bare := make([]KeyValue, len(res.KVs))
		for i, kv := range res.KVs {
			bare[i] = *kv
			bare[i].Value = nil
			if r.Sort.Target != SortByValue {
				bare[i].Lease = 0 // as etcd, which reads it with the value
			}
			res.KVs[i] = &bare[i]
		}
	}
	return res
}

func (r *Range) filters() bool {
	return r.MinModRevision|r.MaxModRevision|r.MinCreateRevision|r.MaxCreateRevision != 0
}

func (r *Range) passes(kv *KeyValue) bool {
	return within(kv.ModRevision, r.MinModRevision, r.MaxModRevision) &&
		within(kv.CreateRevision, r.MinCreateRevision, r.MaxCreateRevision)
}

func within(v, low, high int64) bool {
	return (low == 0 || v >= low) && (high == 0 || v <= high)
}

// needed says whether the order asked for differs from the tree's own. As in
// etcd, a target other than the key without an order means ascending.
func (s Sort) needed() bool {
	return s.Order == SortDescend || s.Target != SortByKey
}

func (s Sort) apply(kvs []*KeyValue) {
	if !s.needed() {
		return
	}
	slices.SortStableFunc(kvs, func(a, b *KeyValue) int {
		c := s.Target.compare(a, b)
		if s.Order == SortDescend {
			return -c
		}
		return c
	})
}

func (t SortTarget) compare(a, b *KeyValue) int {
	switch t {
	case SortByVersion:
		return cmp.Compare(a.Version, b.Version)
	case SortByCreate:
		return cmp.Compare(a.CreateRevision, b.CreateRevision)
	case SortByMod:
		return cmp.Compare(a.ModRevision, b.ModRevision)
	case SortByValue:
		return bytes.Compare(a.Value, b.Value)
	default:
		return bytes.Compare(a.Key, b.Key)
	}
}
