package chat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/sse"
	"github.com/mckinsey/ark-server/internal/stream"
)

// watchAfter is the delay before the Query is watched whose end is expected in its stream. Most
// have ended before, and a watch costs more than everything else that an answer needs. The watch is
// for Queries that end without the end of their stream, because another client has ended them.
const watchAfter = 5 * time.Second

type result struct {
	query *v1alpha1.Query
	err   error
}

// watcher waits for the end of a Query, once it is started.
type watcher struct {
	stop  context.CancelFunc
	ended chan result // nil until it is started
}

func (w *watcher) begin(ctx context.Context, x *exchange) {
	if w.ended != nil {
		return
	}
	ctx, w.stop = context.WithCancel(ctx)
	ended := make(chan result, 1)
	w.ended = ended
	go func() {
		q, err := ask.Wait(ctx, x.server.options.System, x.query)
		ended <- result{q, err}
		close(ended)
	}()
}

func (w *watcher) end() {
	if w.ended == nil {
		return
	}
	w.stop()
	for range w.ended { // the channel is closed when the watch has ended
	}
}

// follow sends the answer as it arrives, until the Query has ended.
func (x *exchange) follow() *Fault {
	from, err := x.server.options.Broker.Read(stream.Key{Namespace: x.query.Namespace, Query: x.query.Name}, string(x.query.UID), true)
	if err != nil {
		x.server.cancel(x.r.Context(), x.query)
		return serverFault(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	defer from.Close()
	var query watcher
	defer query.end()
	var late <-chan time.Time
	if x.server.options.Offer == nil || x.again {
		query.begin(x.r.Context(), x)
	} else {
		timer := time.NewTimer(watchAfter)
		defer timer.Stop()
		late = timer.C
	}
	alive := time.NewTicker(sse.KeepAlive)
	defer alive.Stop()
	over := false // whether the stream has ended, not the Query
	for {
		var changed <-chan struct{}
		if !over {
			var fault *Fault
			if changed, over, fault = x.pass(from); fault != nil {
				return x.fail(fault)
			}
			if q := x.completed(); over && q != nil {
				return x.end(result{query: q})
			}
			if over {
				query.begin(x.r.Context(), x)
			}
		}
		select {
		case <-changed:
		case <-late:
			query.begin(x.r.Context(), x)
		case <-x.r.Context().Done():
			return x.end(result{query: x.query})
		case <-x.server.closing:
			return x.fail(stopped())
		case <-alive.C:
			if x.asked.stream && x.begin() == nil {
				_ = x.events.Ping() // a disconnected client is detected below
			}
		case out := <-query.ended:
			if out.err == nil && !over {
				if _, _, fault := x.pass(from); fault != nil {
					return x.fail(fault)
				}
			}
			return x.end(out)
		}
	}
}

// completed returns the Query at the end of its stream. It returns nil if the stream does not have
// it, or if the stream is not from this server's engine: other engines end their streams before
// their Queries.
func (x *exchange) completed() *v1alpha1.Query {
	if x.server.options.Offer == nil || x.answer.completed == nil {
		return nil
	}
	q := &v1alpha1.Query{}
	if json.Unmarshal(x.answer.completed, q) != nil || q.UID != x.query.UID || !ask.Ended(q) {
		return nil
	}
	return q
}

// pass sends the new chunks of the stream. over is true if there will be no more.
func (x *exchange) pass(from *stream.Reader) (changed <-chan struct{}, over bool, fault *Fault) {
	chunks, end, changed := from.Take()
	for _, c := range chunks {
		if p, ok := x.answer.take(c); ok && x.asked.stream {
			_ = x.send(p) // a disconnected client ends the context
		}
	}
	switch {
	case end == nil:
		return changed, false, nil
	case errors.Is(end.Err, stream.ErrClosed):
		return nil, true, stopped()
	case errors.Is(end.Err, stream.ErrOverrun) && !x.reading: // other readers get the rest from the Query
		return nil, true, serverFault(http.StatusInternalServerError, "stream_overrun", end.Err.Error())
	}
	return nil, true, nil // the Query has the outcome
}
