package chat

import (
	"encoding/json"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/sse"
)

// begin begins the stream, if it has not begun.
func (x *exchange) begin() error {
	if x.events != nil {
		return nil
	}
	var err error
	if x.events, err = sse.Start(x.w); err != nil {
		return err
	}
	return x.out.start(x)
}

// ark returns the field that identifies the Query.
func (x *exchange) ark(completed *v1alpha1.Query) json.RawMessage {
	out := map[string]any{"query": x.query.UID, "session": x.session(), "target": x.to.id()}
	if completed != nil {
		shown := *completed
		shown.ManagedFields = nil
		out["completedQuery"] = &shown
	}
	return encode(out)
}

func (x *exchange) session() string {
	if id := x.query.Spec.SessionID; id != nil && *id != "" {
		return *id
	}
	return string(x.query.UID)
}

// send sends a part of the answer.
func (x *exchange) send(p part) error {
	if p.content != "" || p.calls != nil {
		if x.parts++; x.parts == 1 {
			x.first = time.Now()
			if !x.again {
				x.server.options.Observer.First(string(x.to.kind), x.first.Sub(x.began))
			}
		}
	}
	if err := x.begin(); err != nil {
		return err
	}
	return x.out.part(x, p)
}

// last sends the missing part of the answer, and the end.
func (x *exchange) last() error {
	if rest := x.answer.rest(x.query); rest.content != "" || rest.calls != nil {
		if err := x.send(rest); err != nil {
			return err
		}
	}
	if err := x.begin(); err != nil {
		return err
	}
	if err := x.out.last(x); err != nil {
		return err
	}
	return x.events.Done()
}
