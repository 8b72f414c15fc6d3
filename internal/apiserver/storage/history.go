package storage

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"

	"github.com/mckinsey/ark-server/internal/heap"
)

// The watch cache keeps the events of a window of time (75 s), at most 102,400 of them whatever
// their size, with every object and a snapshot of its index for each. It grows while all that it
// holds is younger than the window, and shrinks once most is older, by the time that the storage
// stamps on each event. It never looks at bytes.
//
// The stamps are the seam: history makes time pass faster where more bytes come than it has room
// for, so that what exceeds the room is as good as old. Below that rate stamps are the time of the
// day, and nothing changes.

// historyBytes is how many bytes of encoded objects the window has room for, for each kind. The
// cache doubles and halves, so it holds up to twice as much, and for a moment four times where
// objects become larger. It keeps 100 events at least. Where little memory may be used, it has room
// for a thirty-second of that.
const historyBytes = 32 << 20

// history is the clock of one watch cache.
type history struct {
	window time.Duration
	limit  int64
	now    func() time.Time
	// bytes have been decoded for watches since the last stamp.
	bytes atomic.Int64

	mu   sync.Mutex
	last time.Time
}

func newHistory(window time.Duration) *history {
	return &history{window: window, limit: int64(heap.Share(historyBytes, 32)), now: time.Now}
}

// stamp returns the time of an event that the storage has stamped with at. It never goes back,
// and moves on by the whole window for each limit of bytes.
func (h *history) stamp(at time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	cost := time.Duration(float64(h.bytes.Swap(0)) / float64(h.limit) * float64(h.window))
	if next := h.last.Add(cost); next.After(at) {
		at = next
	}
	h.last = at
	return at
}

// codec counts what watches decode. Of the stock storage, only its watches decode by the codec;
// what it reads otherwise has a separate decoder.
func (h *history) codec(c runtime.Codec) runtime.Codec { return countingCodec{c, h} }

type countingCodec struct {
	runtime.Codec
	history *history
}

// Decode implements runtime.Decoder.
func (c countingCodec) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	c.history.bytes.Add(int64(len(data)))
	return c.Codec.Decode(data, defaults, into)
}

// restamp returns an event of the storage with the history's stamp.
func (h *history) restamp(e watch.Event) watch.Event {
	if stamped, ok := e.Object.(storage.WatchEventWithRecordTime); ok {
		if at := h.stamp(stamped.RecordTime()); !at.Equal(stamped.RecordTime()) {
			e.Object = restamped{stamped.Unwrap(), at}
		}
	}
	return e
}

// restamped is an object with the time of its event; the watch cache unwraps it.
type restamped struct {
	runtime.Object
	at time.Time
}

var _ storage.WatchEventWithRecordTime = restamped{}

func (r restamped) RecordTime() time.Time          { return r.at }
func (r restamped) Unwrap() runtime.Object         { return r.Object }
func (r restamped) DeepCopyObject() runtime.Object { return restamped{r.Object.DeepCopyObject(), r.at} }

// GetObjectMeta implements metav1.ObjectMetaAccessor, by which a reflector reads the
// resourceVersion.
func (r restamped) GetObjectMeta() metav1.Object {
	m, _ := meta.Accessor(r.Object) // nil where it is none, as for the object itself
	return m
}
