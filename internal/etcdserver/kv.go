package etcdserver

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// kvService is the KV service; its verbs are in the kv_*.go files.
type kvService struct {
	pb.UnsafeKVServer // a new verb in the protocol must not compile until it is here
	s                 *Server
}
