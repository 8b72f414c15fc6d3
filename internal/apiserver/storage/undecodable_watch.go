package storage

import (
	"context"
	"strings"
	"sync"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
)

type watchKey struct{}

func isWatch(ctx context.Context) bool { return ctx.Value(watchKey{}) != nil }

// Watch implements storage.Interface.
func (s withoutUndecodable) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	w, err := s.Interface.Watch(context.WithValue(ctx, watchKey{}, true), key, opts)
	if err != nil {
		return nil, err
	}
	return newRelay(w, func(e watch.Event) (watch.Event, bool) {
		e, ok := s.decodable(e)
		if !ok {
			return e, false
		}
		return s.history.restamp(e), true
	}), nil
}

// decodable returns the event to deliver for one of the storage, or false for none.
func (s withoutUndecodable) decodable(e watch.Event) (watch.Event, bool) {
	stamped, live := e.Object.(storage.WatchEventWithRecordTime) // the watch cache's, past the initial events
	object := e.Object
	if live {
		object = stamped.Unwrap()
	}
	if object == nil { // the deletion of an empty value: the next event has a later revision
		return e, false
	}
	bad, ok := object.(*undecodable)
	if !ok {
		return e, true
	}
	if e.Type != watch.Deleted {
		revision, _ := storage.APIObjectVersioner{}.ParseResourceVersion(bad.ResourceVersion)
		s.findings.NoteUndecodable(s.resource, bad.key, revision, bad.err)
	}
	replacement := s.newObject()
	accessor, err := meta.Accessor(replacement)
	if err != nil {
		return e, true // an object without metadata, which no kind is
	}
	accessor.SetResourceVersion(bad.ResourceVersion)
	if e.Type != watch.Modified {
		// It begins or ends as an undecodable object, so the receiver does not have it. The
		// watch cache has yet to learn of the revision.
		return watch.Event{Type: watch.Bookmark, Object: replacement}, live
	}
	name := strings.TrimPrefix(bad.key, s.prefix)
	if namespace, rest, namespaced := strings.Cut(name, "/"); namespaced {
		accessor.SetNamespace(namespace)
		name = rest
	}
	accessor.SetName(name)
	if live {
		replacement = restamped{replacement, stamped.RecordTime()}
	}
	return watch.Event{Type: watch.Deleted, Object: replacement}, true
}

// undecodable stands for an object that cannot be decoded, between the codec and decodable.
type undecodable struct {
	metav1.PartialObjectMetadata // the storage sets the resourceVersion
	key                          string
	err                          error
}

// tolerantCodec decodes what cannot be decoded to an undecodable, for watches. Of the stock
// storage, only its watches decode by the codec.
type tolerantCodec struct {
	runtime.Codec
	watched *watchedKeys
}

// Decode implements runtime.Decoder.
func (c tolerantCodec) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	key, watched := c.watched.take(data)
	object, kind, err := c.Codec.Decode(data, defaults, into)
	if err != nil && watched {
		return &undecodable{key: key, err: err}, kind, nil
	}
	return object, kind, err
}

// watchedKeys are the keys of values that watches decode just now. A watch has a value
// transformed, with its key, and then decoded, without; the value's address connects both.
type watchedKeys struct {
	mu   sync.Mutex
	keys map[*byte]watchedKey
}

type watchedKey struct {
	key      string
	decoders int // several watches may decode one value at a time
}

func newWatchedKeys() *watchedKeys { return &watchedKeys{keys: map[*byte]watchedKey{}} }

// note returns the value to decode, which take must be called with.
func (w *watchedKeys) note(value []byte, key string) []byte {
	if len(value) == 0 {
		value = []byte{' '} // an empty one has no address of its own
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[unsafe.SliceData(value)] = watchedKey{key: key, decoders: w.keys[unsafe.SliceData(value)].decoders + 1}
	return value
}

// take returns the key of a value, once for each note of it.
func (w *watchedKeys) take(value []byte) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	noted, ok := w.keys[unsafe.SliceData(value)]
	if noted.decoders--; noted.decoders > 0 {
		w.keys[unsafe.SliceData(value)] = noted
	} else {
		delete(w.keys, unsafe.SliceData(value))
	}
	return noted.key, ok
}
