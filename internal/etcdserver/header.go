package etcdserver

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// One member, one cluster, for ever in its first term: clients only compare
// these for equality.
const (
	clusterID uint64 = 0x61726b2d73657276
	memberID  uint64 = 0x61726b2d6d656d31
	raftTerm  uint64 = 1
)

func header(revision int64) *pb.ResponseHeader {
	return &pb.ResponseHeader{
		ClusterId: clusterID,
		MemberId:  memberID,
		Revision:  revision,
		RaftTerm:  raftTerm,
	}
}
