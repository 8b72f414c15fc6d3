package server

import (
	"errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/stream"
)

// sink writes the output of the engine's Queries into the broker.
type sink struct{ broker *stream.Broker }

// Open implements engine.Sink.
func (s sink) Open(q *v1alpha1.Query) engine.Stream {
	key := stream.Key{Namespace: q.Namespace, Query: q.Name}
	to, err := s.broker.Write(key, string(q.UID))
	if err != nil {
		return nil // there are too many streams: the answer is still in the Query
	}
	return &sinkStream{s.broker, key, to}
}

type sinkStream struct {
	broker *stream.Broker
	key    stream.Key
	to     *stream.Writer
}

// Chunk implements engine.Stream. A stream that was removed has no readers, so the error is
// ignored.
func (s *sinkStream) Chunk(c engine.Chunk) { _ = s.to.Append(stream.Compact(c.Data)) }

// End implements engine.Stream.
func (s *sinkStream) End(why error) {
	if why != nil && !errors.Is(why, engine.ErrPaused) {
		s.to.Close(stream.ErrWriterGone)
		return
	}
	s.broker.Complete(s.key)
	s.to.Close(nil)
}
