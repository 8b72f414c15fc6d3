package differential

import (
	"fmt"
	"math/rand/v2"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// generator generates requests that are mostly valid: for few keys, near the current revision, for
// leases that may exist.
type generator struct {
	*rand.Rand
	// revision and compacted are the revisions of the store, according to the answers so far.
	revision, compacted int64
}

// Twelve keys at most: etcd sorts with a sort that is stable only up to there.
var keys = []string{"a", "a/1", "a/2", "a/3", "b", "b/1", "b/2", "c", "c\x00", "d", "\xff"}

func (g *generator) key() []byte { return []byte(keys[g.IntN(len(keys))]) }

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

// span returns one key, a prefix, a range, all keys from a key on, or all keys.
func (g *generator) span() (key, end []byte) {
	switch g.IntN(8) {
	case 0, 1, 2:
		return g.key(), nil
	case 3, 4:
		k := g.key()
		e := append([]byte(nil), k...)
		if e[len(e)-1] == 0xff {
			return k, []byte{0}
		}
		e[len(e)-1]++
		return k, e
	case 5:
		return g.key(), g.key() // often empty
	case 6:
		return g.key(), []byte{0}
	default:
		return []byte{0}, []byte{0}
	}
}

func (g *generator) value() []byte {
	return fmt.Appendf(nil, "v%d", g.IntN(6))
}

// near returns a revision around the current one, sometimes compacted, sometimes in the future.
func (g *generator) near() int64 {
	switch g.IntN(12) {
	case 0:
		return g.revision + 1 + g.Int64N(3)
	case 1:
		return max(1, g.compacted-2+g.Int64N(4))
	default:
		return max(1, g.revision-g.Int64N(12))
	}
}

func (g *generator) rangeRequest() *pb.RangeRequest {
	r := &pb.RangeRequest{Serializable: g.chance(4)}
	r.Key, r.RangeEnd = g.span()
	if g.chance(2) {
		r.Limit = g.Int64N(6)
	}
	if g.chance(3) {
		r.Revision = g.near()
	}
	if g.chance(3) {
		r.SortOrder = pb.RangeRequest_SortOrder(g.IntN(3))
		r.SortTarget = pb.RangeRequest_SortTarget(g.IntN(5))
	}
	r.KeysOnly, r.CountOnly = g.chance(6), g.chance(8)
	for _, bound := range []*int64{&r.MinModRevision, &r.MaxModRevision, &r.MinCreateRevision, &r.MaxCreateRevision} {
		if g.chance(12) {
			*bound = g.near()
		}
	}
	return r
}

func (g *generator) putRequest() *pb.PutRequest {
	r := &pb.PutRequest{Key: g.key(), Value: g.value(), PrevKv: g.chance(3)}
	switch g.IntN(10) {
	case 0:
		r.IgnoreValue, r.Value = true, nil
	case 1:
		r.IgnoreLease = true
	case 2, 3:
		r.Lease = g.leaseID()
	}
	return r
}

func (g *generator) deleteRequest() *pb.DeleteRangeRequest {
	r := &pb.DeleteRangeRequest{PrevKv: g.chance(2)}
	r.Key, r.RangeEnd = g.span()
	if len(r.RangeEnd) > 0 && g.chance(2) {
		r.RangeEnd = nil // else little would be left
	}
	return r
}

func (g *generator) compare() *pb.Compare {
	c := &pb.Compare{
		Result: pb.Compare_CompareResult(g.IntN(4)),
		Target: pb.Compare_CompareTarget(g.IntN(5)),
	}
	c.Key, c.RangeEnd = g.span()
	if g.chance(2) {
		c.RangeEnd = nil
	}
	switch c.Target {
	case pb.Compare_VERSION:
		c.TargetUnion = &pb.Compare_Version{Version: g.Int64N(4)}
	case pb.Compare_CREATE:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: g.near() * g.Int64N(2)}
	case pb.Compare_MOD:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: g.near() * g.Int64N(2)}
	case pb.Compare_VALUE:
		c.TargetUnion = &pb.Compare_Value{Value: g.value()}
	case pb.Compare_LEASE:
		c.TargetUnion = &pb.Compare_Lease{Lease: g.leaseID() * g.Int64N(2)}
	}
	if g.chance(20) { // an operand of another kind counts as zero
		c.TargetUnion = &pb.Compare_Version{Version: 3}
	}
	return c
}

// txnRequest nests up to depth levels.
func (g *generator) txnRequest(depth int) *pb.TxnRequest {
	r := &pb.TxnRequest{}
	for range g.IntN(3) {
		r.Compare = append(r.Compare, g.compare())
	}
	for range g.IntN(4) {
		r.Success = append(r.Success, g.op(depth))
	}
	for range g.IntN(4) {
		r.Failure = append(r.Failure, g.op(depth))
	}
	return r
}

func (g *generator) op(depth int) *pb.RequestOp {
	switch n := g.IntN(12); {
	case n < 4:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: g.rangeRequest()}}
	case n < 8:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: g.putRequest()}}
	case n < 10 || depth == 0:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: g.deleteRequest()}}
	default:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: g.txnRequest(depth - 1)}}
	}
}

func (g *generator) leaseID() int64 { return 1 + g.Int64N(5) }

// invalid returns a request that fails validation.
func (g *generator) invalid() any {
	switch g.IntN(9) {
	case 0:
		return &pb.RangeRequest{}
	case 1:
		return &pb.RangeRequest{Key: g.key(), SortOrder: 7}
	case 2:
		return &pb.RangeRequest{Key: g.key(), RangeEnd: []byte{0}, Limit: -2, Revision: -3}
	case 3:
		return &pb.PutRequest{Key: g.key(), Value: g.value(), IgnoreValue: true}
	case 4:
		return &pb.PutRequest{Key: g.key(), Lease: 1, IgnoreLease: true}
	case 5:
		return &pb.DeleteRangeRequest{RangeEnd: []byte{0}}
	case 6:
		t := &pb.TxnRequest{}
		for range 129 {
			t.Success = append(t.Success, g.op(0))
		}
		return t
	case 7:
		return &pb.TxnRequest{Failure: []*pb.RequestOp{{}}}
	default:
		return &pb.LeaseGrantRequest{ID: g.leaseID(), TTL: 10_000_000_000}
	}
}

// streamed marks a range request that is to be sent as a stream.
type streamed struct{ *pb.RangeRequest }

// next returns the next request, or one of the watch operations.
func (g *generator) next() any {
	switch n := g.IntN(100); {
	case n < 22:
		return g.rangeRequest()
	case n < 27:
		r := g.rangeRequest()
		if !g.chance(10) {
			r.SortOrder, r.SortTarget = 0, 0
			r.MinModRevision, r.MaxModRevision, r.MinCreateRevision, r.MaxCreateRevision = 0, 0, 0, 0
		}
		return streamed{r}
	case n < 45:
		return g.putRequest()
	case n < 52:
		return g.deleteRequest()
	case n < 78:
		return g.txnRequest(2)
	case n < 79:
		return &pb.CompactionRequest{Revision: max(1, g.near()-g.Int64N(8)), Physical: g.chance(3)}
	case n < 83:
		return &pb.LeaseGrantRequest{ID: g.leaseID(), TTL: 1000 + g.Int64N(1000)}
	case n < 85:
		return &pb.LeaseRevokeRequest{ID: g.leaseID()}
	case n < 87:
		return &pb.LeaseTimeToLiveRequest{ID: g.leaseID(), Keys: g.chance(2)}
	case n < 88:
		return &pb.LeaseLeasesRequest{}
	case n < 93:
		return g.watchCreate()
	case n < 96:
		return watchCancel{g.IntN(streams), g.Int64N(6) - 1}
	case n < 97:
		return settle{}
	case n < 98:
		return progress{g.IntN(streams)}
	default:
		return g.invalid()
	}
}
