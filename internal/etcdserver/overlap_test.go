package etcdserver

import (
	"math/rand/v2"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// The check agrees with writing every pair of operations out.
func TestOverlapsAgainstPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	outcomes := map[bool]int{}
	for range 20_000 {
		txn := randomTxn(r, 2)
		want := doubleWrite(txn.Success) || doubleWrite(txn.Failure)
		if got := checkOverlaps(txn) != nil; got != want {
			t.Fatalf("got %v, want %v: %v", got, want, txn)
		}
		outcomes[want]++
	}
	if outcomes[true] < 1000 || outcomes[false] < 1000 {
		t.Errorf("the transactions tell nothing: %v", outcomes)
	}
}

func randomTxn(r *rand.Rand, depth int) *pb.TxnRequest {
	ops := func() (ops []*pb.RequestOp) {
		for range r.IntN(4) {
			key := []byte{byte('a' + r.IntN(12))}
			switch n := r.IntN(8); {
			case n < 4:
				ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key}}})
			case n < 6 || depth == 0:
				d := &pb.DeleteRangeRequest{Key: key}
				switch r.IntN(4) {
				case 0:
					d.RangeEnd = []byte{key[0] + byte(r.IntN(3))}
				case 1:
					if r.IntN(4) == 0 {
						d.RangeEnd = []byte{0}
					}
				}
				ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: d}})
			default:
				ops = append(ops, &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: randomTxn(r, depth-1)}})
			}
		}
		return ops
	}
	return &pb.TxnRequest{Success: ops(), Failure: ops()}
}

// doubleWrite says whether some way through ops writes a key twice, by walking
// every way.
func doubleWrite(ops []*pb.RequestOp) bool {
	for _, way := range ways(ops) {
		for i, a := range way {
			for _, b := range way[i+1:] {
				if twice(a, b) {
					return true
				}
			}
		}
	}
	return false
}

// ways are the lists of puts and deletes that ops may come down to.
func ways(ops []*pb.RequestOp) [][]*pb.RequestOp {
	all := [][]*pb.RequestOp{nil}
	for _, op := range ops {
		next := [][]*pb.RequestOp{{op}}
		if t := op.GetRequestTxn(); t != nil {
			next = append(ways(t.Success), ways(t.Failure)...)
		}
		var longer [][]*pb.RequestOp
		for _, a := range all {
			for _, n := range next {
				longer = append(longer, append(append([]*pb.RequestOp(nil), a...), n...))
			}
		}
		all = longer
	}
	return all
}

func twice(a, b *pb.RequestOp) bool {
	pa, pb := a.GetRequestPut(), b.GetRequestPut()
	switch {
	case pa != nil && pb != nil:
		return string(pa.Key) == string(pb.Key)
	case pa != nil:
		return covers(b, pa.Key)
	case pb != nil:
		return covers(a, pb.Key)
	}
	return false
}

func covers(op *pb.RequestOp, key []byte) bool {
	d := op.GetRequestDeleteRange()
	k, from, to := string(key), string(d.Key), string(d.RangeEnd)
	switch to {
	case "":
		return k == from
	case "\x00":
		return k >= from
	}
	return k >= from && k < to
}
