package conversation

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/mckinsey/ark-server/internal/sse"
	"github.com/mckinsey/ark-server/internal/stream"
)

// topics of what is new. They are streams of the broker, in namespaces that no object can be in.
const (
	topicEvents   = "events/"
	topicSessions = "sessions/"
	topicMessages = "messages/"
)

// feed tells who watches what is new, at each replica.
type feed struct{ broker *stream.Broker }

func topic(name, namespace string) stream.Key {
	return stream.Key{Namespace: name + namespace, Query: "log"}
}

// publish tells of something that is stored. Without a broker nobody watches.
func (f feed) publish(name, namespace string, what any) {
	if f.broker == nil {
		return
	}
	data, err := json.Marshal(what)
	if err != nil {
		return // never: they are our own types
	}
	to, err := f.broker.Write(topic(name, namespace), "")
	if err != nil {
		return // the server stops: its watchers are told that
	}
	_ = to.Append(data) // the same
	to.Close(nil)
}

// errUnavailable is for watches where nothing tells of what is new.
var errUnavailable = &fault{http.StatusServiceUnavailable, "UNAVAILABLE", "this server cannot be watched"}

// watch sends what is stored, and then what is new, until the client goes. stored is called once
// new things are noted, so that nothing is missed; what is told twice, by being stored at that
// moment, is for send to leave out.
func (f feed) watch(w http.ResponseWriter, r *http.Request, name, namespace string, stored func(send func(any) error) error, fresh func(data []byte, send func(any) error) error) error {
	if f.broker == nil {
		return errUnavailable
	}
	from, err := f.broker.Read(topic(name, namespace), "", false)
	if err != nil {
		return &fault{http.StatusServiceUnavailable, "UNAVAILABLE", err.Error()}
	}
	defer from.Close()
	to, err := sse.Start(w)
	if err != nil {
		return nil //nolint:nilerror // the client has gone
	}
	send := func(what any) error {
		data, err := json.Marshal(what)
		if err != nil {
			return err
		}
		return to.Data(data)
	}
	if err := stored(send); err != nil {
		return broken(to, err)
	}
	alive := time.NewTicker(sse.KeepAlive)
	defer alive.Stop()
	for {
		items, end, changed := from.Take()
		for _, item := range items {
			if err := fresh(item, send); err != nil {
				return broken(to, err)
			}
		}
		if end != nil {
			return broken(to, errors.Join(errors.New("the watch has ended: begin another one"), end.Err))
		}
		select {
		case <-changed:
		case <-alive.C:
			if to.Ping() != nil {
				return nil
			}
		case <-r.Context().Done():
			return nil
		}
	}
}

// broken ends a watch with an error, which a client that has gone does not get.
func broken(to *sse.Writer, err error) error {
	data, _ := json.Marshal(map[string]stream.Fault{"error": {Message: err.Error(), Type: "server_error", Code: "watch_ended"}})
	_ = to.Data(data) // the client may have gone
	return nil
}
