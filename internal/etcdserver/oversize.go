package etcdserver

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/protobuf/proto"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// An operator may lower MaxRequestBytes below the size of values that are stored already. Those
// must not be stuck: they can be read and deleted, and written as long as that makes them no
// larger. A delete at the Kubernetes API is a write first where an object has finalizers, and
// that adds a deletion time; WithGrowth makes room for it.

type growthKey struct{}

// WithGrowth returns a context whose writes may make a value by so many bytes larger, although
// that is over MaxRequestBytes already. It works for callers in this process.
func WithGrowth(ctx context.Context, bytes int) context.Context {
	return context.WithValue(ctx, growthKey{}, bytes)
}

// checkSize refuses a write over the limit, not counting the puts that make a stored value no
// larger. Only writes over the limit cost more than measuring them.
func (s *Server) checkSize(ctx context.Context, m proto.Message) error {
	size := proto.Size(m)
	if size <= s.opts.MaxRequestBytes {
		return nil
	}
	growth, _ := ctx.Value(growthKey{}).(int)
	for _, put := range putsOf(m) {
		stored, err := s.store.Range(ctx, &mvcc.Range{Span: mvcc.Span{Key: put.GetKey()}})
		if err != nil {
			return s.toStatus(err)
		}
		if len(stored.KVs) == 1 && len(put.GetValue()) <= len(stored.KVs[0].Value)+growth {
			size -= len(put.GetValue())
		}
	}
	if size > s.opts.MaxRequestBytes {
		return rpctypes.ErrGRPCRequestTooLarge
	}
	return nil
}

// putsOf returns the puts of a request: of a transaction those of its first list, without nested
// transactions.
func putsOf(m proto.Message) []*pb.PutRequest {
	var puts []*pb.PutRequest
	switch r := m.(type) {
	case *pb.PutRequest:
		puts = append(puts, r)
	case *pb.TxnRequest:
		for _, op := range r.GetSuccess() {
			if put := op.GetRequestPut(); put != nil {
				puts = append(puts, put)
			}
		}
	}
	return puts
}
