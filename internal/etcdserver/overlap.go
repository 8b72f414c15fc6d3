package etcdserver

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// checkOverlaps refuses a transaction that could write one key twice: two puts
// of a key, or a put of a key that a delete covers, unless the two stand in
// opposite branches of one transaction. Deletes may overlap. So a revision
// changes a key once at most, on which the store's log and its watches rely.
//
// That is etcd's rule as its protocol states it. etcd's own check has two gaps,
// which this one has not: a delete of every key from one on, and a delete in a
// nested transaction that follows another one with the put.
func checkOverlaps(r *pb.TxnRequest) error {
	for _, ops := range [...][]*pb.RequestOp{r.GetSuccess(), r.GetFailure()} {
		if len(ops) < 2 && !nests(ops) {
			continue // a lone operation cannot overlap
		}
		if _, err := writtenBy(ops); err != nil {
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

// written is what a list of operations may put and delete.
type written struct {
	puts    map[string]struct{}
	deletes spanSet
}

// clashes says whether the two together may write a key twice.
func (w *written) clashes(o *written) bool {
	for k := range o.puts {
		if _, twice := w.puts[k]; twice || w.deletes.has(k) {
			return true
		}
	}
	if len(o.deletes.spans) > 0 {
		for k := range w.puts {
			if o.deletes.has(k) {
				return true
			}
		}
	}
	return false
}

func (w *written) merge(o *written) {
	for k := range o.puts {
		w.puts[k] = struct{}{}
	}
	for _, s := range o.deletes.spans {
		w.deletes.add(s)
	}
}

func writtenBy(ops []*pb.RequestOp) (*written, error) {
	all := &written{puts: make(map[string]struct{})}
	// Deletes first, so that each put is compared with all of them.
	for _, op := range ops {
		if d := op.GetRequestDeleteRange(); d != nil {
			all.deletes.add(toKeySpan(d.GetKey(), d.GetRangeEnd()))
		}
	}
	for _, op := range ops {
		if p := op.GetRequestPut(); p != nil {
			k := string(p.GetKey())
			if _, twice := all.puts[k]; twice || all.deletes.has(k) {
				return nil, rpctypes.ErrGRPCDuplicateKey
			}
			all.puts[k] = struct{}{}
		}
	}
	for _, op := range ops {
		t := op.GetRequestTxn()
		if t == nil {
			continue
		}
		then, err := writtenBy(t.GetSuccess())
		if err != nil {
			return nil, err
		}
		otherwise, err := writtenBy(t.GetFailure())
		if err != nil {
			return nil, err
		}
		// Each with what is outside, but not with each other.
		if all.clashes(then) || all.clashes(otherwise) {
			return nil, rpctypes.ErrGRPCDuplicateKey
		}
		all.merge(then)
		all.merge(otherwise)
	}
	return all, nil
}
