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

// watchAfter is when the Query is watched whose stream is to have its end. Most have ended before,
// and a watch costs more than all else that an answer needs. It is for those that end without their
// stream, because somebody else has ended them.
const watchAfter = 5 * time.Second

type result struct {
	query *v1alpha1.Query
	err   error
}

// watcher waits for the end of a Query, once it has begun.
type watcher struct {
	stop  context.CancelFunc
	ended chan result // nil until it has begun
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
	for range w.ended { // it has ended when the channel has
	}
}

// follow sends the answer as it comes, until the Query has ended.
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
	over := false // the stream, not the Query
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
				_ = x.events.Ping() // a client that has gone shows below
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

// completed returns the Query that its stream has ended with; nil if it has not, or if it is no
// engine of this server's that says so: others end their streams before their Queries.
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

// pass sends what is new of the stream. over says that nothing follows.
func (x *exchange) pass(from *stream.Reader) (changed <-chan struct{}, over bool, fault *Fault) {
	chunks, end, changed := from.Take()
	for _, c := range chunks {
		if p, ok := x.answer.take(c); ok && x.asked.stream {
			_ = x.send(p) // a client that has gone ends the context
		}
	}
	switch {
	case end == nil:
		return changed, false, nil
	case errors.Is(end.Err, stream.ErrClosed):
		return nil, true, stopped()
	case errors.Is(end.Err, stream.ErrOverrun) && !x.reading: // who reads along gets the rest from the Query
		return nil, true, serverFault(http.StatusInternalServerError, "stream_overrun", end.Err.Error())
	}
	return nil, true, nil // the Query says how it ends
}
