package etcdserver

import (
	"sort"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// checkOverlaps refuses a transaction that could write one key twice: two puts
// of a key, or a put of a key that a delete covers, unless the two stand in
// opposite branches of one nested transaction. Deletes may overlap.
func checkOverlaps(r *pb.TxnRequest) error {
	for _, ops := range [...][]*pb.RequestOp{r.GetSuccess(), r.GetFailure()} {
		if len(ops) < 2 && !nests(ops) {
			continue // a lone operation cannot overlap
		}
		if _, _, err := writtenBy(ops); err != nil {
			return err
		}
	}
	return nil
}

func nests(ops []*pb.RequestOp) bool {
	for _, op := range ops {
		if op.GetRequestTxn() != nil {
			return true
		}
	}
	return false
}

// writtenBy returns the keys that ops may put and the spans that they may
// delete.
func writtenBy(ops []*pb.RequestOp) (map[string]struct{}, *spanSet, error) {
	deletes := new(spanSet)
	for _, op := range ops {
		if d := op.GetRequestDeleteRange(); d != nil {
			deletes.add(deletedSpan(d))
		}
	}
	puts := make(map[string]struct{})
	for _, op := range ops {
		t := op.GetRequestTxn()
		if t == nil {
			continue
		}
		thenPuts, thenDeletes, err := writtenBy(t.GetSuccess())
		if err != nil {
			return nil, nil, err
		}
		elsePuts, elseDeletes, err := writtenBy(t.GetFailure())
		if err != nil {
			return nil, nil, err
		}
		for k := range thenPuts {
			if _, twice := puts[k]; twice || deletes.has(k) {
				return nil, nil, rpctypes.ErrGRPCDuplicateKey
			}
		}
		for k := range elsePuts {
			if _, twice := puts[k]; twice || deletes.has(k) {
				return nil, nil, rpctypes.ErrGRPCDuplicateKey
			}
		}
		// Only now: a key in both branches is put once at most.
		for k := range thenPuts {
			puts[k] = struct{}{}
		}
		for k := range elsePuts {
			puts[k] = struct{}{}
		}
		deletes.addAll(thenDeletes)
		deletes.addAll(elseDeletes)
	}
	for _, op := range ops {
		p := op.GetRequestPut()
		if p == nil {
			continue
		}
		k := string(p.GetKey())
		if _, twice := puts[k]; twice || deletes.has(k) {
			return nil, nil, rpctypes.ErrGRPCDuplicateKey
		}
		puts[k] = struct{}{}
	}
	return puts, deletes, nil
}

// deletedSpan is the span of a delete as this check sees it. Like etcd's, the
// check takes the end "\x00" literally, so that "every key from here on"
// overlaps nothing.
func deletedSpan(d *pb.DeleteRangeRequest) (from, to string) {
	from = string(d.GetKey())
	if len(d.GetRangeEnd()) == 0 {
		return from, from + "\x00"
	}
	return from, string(d.GetRangeEnd())
}

// spanSet is a set of keys made of half-open spans, which it keeps sorted and
// disjoint.
type spanSet struct {
	spans []keySpan
}

type keySpan struct{ from, to string }

func (s *spanSet) add(from, to string) {
	if from >= to {
		return
	}
	// The spans that touch the new one become one with it.
	first := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].to >= from })
	last := first
	for last < len(s.spans) && s.spans[last].from <= to {
		from, to = min(from, s.spans[last].from), max(to, s.spans[last].to)
		last++
	}
	if first == last {
		s.spans = append(s.spans, keySpan{})
		copy(s.spans[first+1:], s.spans[first:])
		s.spans[first] = keySpan{from, to}
		return
	}
	s.spans[first] = keySpan{from, to}
	s.spans = append(s.spans[:first+1], s.spans[last:]...)
}

func (s *spanSet) addAll(o *spanSet) {
	for _, sp := range o.spans {
		s.add(sp.from, sp.to)
	}
}

func (s *spanSet) has(key string) bool {
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].to > key })
	return i < len(s.spans) && s.spans[i].from <= key
}
