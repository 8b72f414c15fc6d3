package server

import (
	"context"
	"slices"

	"github.com/mckinsey/ark-server/internal/peer"
	"github.com/mckinsey/ark-server/internal/stream"
)

// The methods with which replicas read each other's streams.
const (
	methodStream   = "stream"
	methodComplete = "stream-complete"
)

// streams are the methods of this replica's broker that other replicas call. The replica joins the
// group before it has a broker: calls wait until then.
type streams struct {
	broker *stream.Broker
	ready  chan struct{} // closed once there is a broker
}

func newStreams() *streams { return &streams{ready: make(chan struct{})} }

// serve is called once.
func (s *streams) serve(broker *stream.Broker) {
	s.broker = broker
	close(s.ready)
}

// wait returns the broker.
func (s *streams) wait(ctx context.Context) (*stream.Broker, error) {
	select {
	case <-s.ready:
		return s.broker, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *streams) calls() map[string]peer.Handler {
	return map[string]peer.Handler{methodComplete: func(ctx context.Context, _ peer.Member, request []byte) ([]byte, error) {
		broker, err := s.wait(ctx)
		if err != nil {
			return nil, err
		}
		return broker.Answer(request)
	}}
}

func (s *streams) streams() map[string]peer.StreamHandler {
	return map[string]peer.StreamHandler{methodStream: func(ctx context.Context, _ peer.Member, request []byte, send func([]byte) error) error {
		broker, err := s.wait(ctx)
		if err != nil {
			return err
		}
		return broker.Serve(ctx, request, send)
	}}
}

// replicas adapts the group of replicas to the broker.
type replicas struct{ group *peer.Group }

// Others implements stream.Replicas.
func (r replicas) Others() (ids []string, changed <-chan struct{}) {
	changed = r.group.Changed() // before the list: a change in between causes another read
	for _, m := range r.group.Others() {
		ids = append(ids, m.ID)
	}
	return ids, changed
}

func (r replicas) member(id string) (peer.Member, error) {
	all := r.group.Others()
	i := slices.IndexFunc(all, func(m peer.Member) bool { return m.ID == id })
	if i < 0 {
		return peer.Member{}, peer.ErrGone
	}
	return all[i], nil
}

// Open implements stream.Replicas.
func (r replicas) Open(ctx context.Context, id string, request []byte) (stream.Incoming, error) {
	to, err := r.member(id)
	if err != nil {
		return nil, err
	}
	return r.group.Open(ctx, to, methodStream, request)
}

// Call implements stream.Replicas.
func (r replicas) Call(ctx context.Context, id string, request []byte) ([]byte, error) {
	to, err := r.member(id)
	if err != nil {
		return nil, err
	}
	return r.group.Call(ctx, to, methodComplete, request)
}
