package server

import (
	"context"
	"net"
	"os"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/operation"
	"github.com/mckinsey/ark-server/internal/peer"
)

// joinPeers makes this process one of the replicas of its database.
func joinPeers(ctx context.Context, o PeerOptions, store *mvcc.Store, served *streams) (*peer.Group, error) {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, err
	}
	name, _ := os.Hostname() // in a pod it is the pod's name; if it is unknown, the address is used
	return peer.Join(ctx, peer.Options{Store: store, Listener: listener, Address: o.Address, Name: name, Calls: served.calls(), Streams: served.streams()})
}

// withPeers adds the replicas to a report.
func withPeers(r operation.Report, group *peer.Group) operation.Report {
	of := func(m peer.Member) operation.Peer {
		return operation.Peer{ID: m.ID, Name: m.Name, Address: m.Address, Joined: m.Joined}
	}
	r.Replica.Peers = &operation.Peers{Others: []operation.Peer{}}
	if self, ok := group.Self(); ok {
		own := of(self)
		r.Replica.Peers.Self = &own
	}
	for _, m := range group.Others() {
		r.Replica.Peers.Others = append(r.Replica.Peers.Others, of(m))
	}
	return r
}
