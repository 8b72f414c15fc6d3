package etcdserver

import (
	"context"
	"errors"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// RangeStream is Range in chunks, all from one revision. Only the last chunk
// has a header, More and Count.
func (k *kvService) RangeStream(r *pb.RangeRequest, stream pb.KV_RangeStreamServer) error {
	chunks, err := k.s.RangeChunks(stream.Context(), r)
	if err != nil {
		return err
	}
	for {
		chunk, err := chunks.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(chunk); err != nil {
			return err
		}
	}
}

// RangeChunks is a RangeStream being read. It needs no closing. Not safe for
// concurrent use.
type RangeChunks struct {
	ctx    context.Context //nolint:containedctx // the life of the stream itself
	res    *mvcc.RangeResult
	target int // bytes
	sent   int // keys
	done   bool
}

// RangeChunks opens a range stream. What it will return is fixed here: the
// store hands out its keys and values by reference, so holding the whole
// answer costs one pointer per key, and a slow reader holds no lock.
func (s *Server) RangeChunks(ctx context.Context, r *pb.RangeRequest) (_ *RangeChunks, err error) {
	opened, call := s.begin(ctx, methodRangeStream)
	defer call.done(&err)
	if err := checkRangeStream(r); err != nil {
		return nil, err
	}
	res, err := s.store.Range(opened, toRange(r))
	if err != nil {
		return nil, s.toStatus(err)
	}
	return &RangeChunks{ctx: ctx, res: res, target: s.opts.chunkBytes()}, nil
}

// firstChunk is the number of keys in the first chunk: few, so that the client
// starts decoding early.
const firstChunk = 10

// Next returns the next chunk, and io.EOF after the last. Chunks after the first
// are filled up to about Options.chunkBytes.
func (c *RangeChunks) Next() (*pb.RangeStreamResponse, error) {
	if c.done {
		return nil, io.EOF
	}
	if err := c.ctx.Err(); err != nil {
		return nil, toStatus(err, nil)
	}
	rest := c.res.KVs[c.sent:]
	n, size := 0, 0
	for n < len(rest) && size < c.target && (c.sent > 0 || n < firstChunk) {
		size += len(rest[n].Key) + len(rest[n].Value)
		n++
	}
	out := &pb.RangeResponse{Kvs: toKVs(rest[:n])}
	c.sent += n
	if n == len(rest) {
		c.done = true
		out.Header = header(c.res.Revision)
		out.More = c.res.More
		out.Count = c.res.Count
	}
	return &pb.RangeStreamResponse{RangeResponse: out}, nil
}
