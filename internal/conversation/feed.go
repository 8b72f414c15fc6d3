package conversation

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/mckinsey/ark-server/internal/sse"
	"github.com/mckinsey/ark-server/internal/stream"
)

// Topics of new items. They are streams of the broker, in namespaces that no object can be in.
const (
	topicEvents   = "events/"
	topicSessions = "sessions/"
	topicMessages = "messages/"
)

// feed notifies watchers at each replica of new items.
type feed struct{ broker *stream.Broker }

func topic(name, namespace string) stream.Key {
	return stream.Key{Namespace: name + namespace, Query: "log"}
}

// publish notifies the watchers of an item that is stored. Without a broker there are no watchers.
func (f feed) publish(name, namespace string, what any) {
	if f.broker == nil {
		return
	}
	data, err := json.Marshal(what)
	if err != nil {
		return // never fails: these are this package's types
	}
	to, err := f.broker.Write(topic(name, namespace), "")
	if err != nil {
		return // the server stops, and its watchers get that error
	}
	_ = to.Append(data) // it fails if the server stops
	to.Close(nil)
}

// errUnavailable is the answer to watches if there is no broker.
var errUnavailable = &fault{http.StatusServiceUnavailable, "UNAVAILABLE", "this server cannot be watched"}

// watch sends the stored items, and then new ones, until the client disconnects. stored is called
// after the subscription has begun, so that no item is missed. An item that is stored at that
// moment is delivered twice, and send has to drop the second one.
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

// broken ends a watch with an error, which a disconnected client does not get.
func broken(to *sse.Writer, err error) error {
	data, _ := json.Marshal(map[string]stream.Fault{"error": {Message: err.Error(), Type: "server_error", Code: "watch_ended"}})
	_ = to.Data(data) // the client may be gone
	return nil
}
