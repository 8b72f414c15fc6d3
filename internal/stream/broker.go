package stream

import (
	"container/list"
	"errors"
	"slices"
	"sync"
	"time"
)

// Key names a stream. A key without a Query stands for all streams of a namespace.
type Key struct{ Namespace, Query string }

// Limits bound what is kept.
type Limits struct {
	// PerStream and Total are bytes of chunks.
	PerStream, Total int
	// Streams is how many there may be.
	Streams int
	// Keep is how long a stream is kept after its end.
	Keep time.Duration
}

// DefaultLimits are those of a server.
var DefaultLimits = Limits{PerStream: 8 << 20, Total: 64 << 20, Streams: 20_000, Keep: time.Minute}

// chunkOverhead is about what a chunk takes beside its bytes.
const chunkOverhead = 48

// Errors that end a stream for a reader.
var (
	// ErrOverrun: chunks that the reader has not taken were dropped.
	ErrOverrun = errors.New("the stream is longer than what is kept of it, and its beginning is gone: read the answer from the query")
	// ErrWriterGone: the writer's connection broke.
	ErrWriterGone = errors.New("whoever answers the query has lost the connection to the stream: read the answer from the query")
	// ErrDeleted: the Query was deleted, or made again.
	ErrDeleted = errors.New("the query was deleted")
	// ErrClosed: the server stops.
	ErrClosed = errors.New("the server is shutting down: read the answer from the query")
)

// ErrTooMany is the answer to a writer or a reader for whom there is no place.
var ErrTooMany = errors.New("there are too many streams: try again later")

// Broker keeps streams. It is safe for concurrent use.
type Broker struct {
	limits   Limits
	now      func() time.Time
	replicas Replicas // nil for a process that is alone

	mu      sync.Mutex
	streams map[Key]*state
	over    list.List // of *state: those that have ended, in that order
	bytes   int       // of all streams
	closed  bool
	counts  Stats
}

// Stats are numbers of a broker.
type Stats struct {
	// Streams, Bytes, Readers and Writers are what there is now.
	Streams, Bytes, Readers, Writers int
	// Chunks, Dropped and Overrun count chunks that were written, those dropped at a bound, and
	// readers that missed some.
	Chunks, Dropped, Overrun int64
}

// state is a stream. The broker's mutex guards it.
type state struct {
	key    Key
	uid    string
	chunks [][]byte
	// base is how many chunks were dropped before the first.
	base  int64
	bytes int
	// ended says that no more chunks come, for the reason err if it is not nil.
	ended            bool
	err              error
	touched          time.Time // by a writer, or the end
	readers, writers int
	changed          chan struct{} // closed at the next change
	place            *list.Element // in Broker.over; nil while it has not ended
}

// New returns a broker. now is the clock.
func New(limits Limits, now func() time.Time) *Broker {
	return &Broker{limits: limits, now: now, streams: map[Key]*state{}}
}

// get returns the stream of a Query, made if missing. The caller holds mu. An unknown UID is "".
func (b *Broker) get(key Key, uid string) (*state, error) {
	if b.closed {
		return nil, ErrClosed
	}
	s := b.streams[key]
	if s != nil && uid != "" && s.uid != "" && s.uid != uid {
		b.drop(s, ErrDeleted)
		s = nil
	}
	if s == nil {
		if len(b.streams) >= b.limits.Streams && !b.dropOldest() {
			return nil, ErrTooMany
		}
		s = &state{key: key, uid: uid, touched: b.now(), changed: make(chan struct{})}
		b.streams[key] = s
	}
	if s.uid == "" {
		s.uid = uid
	}
	return s, nil
}

// wake tells the readers of a stream that it has changed.
func (s *state) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// add appends a chunk, within the bounds. The caller holds mu.
func (b *Broker) add(s *state, chunk []byte) {
	size := len(chunk) + chunkOverhead
	counted := s.key.Query != "" // the chunks of a namespace are those of its streams
	for s.bytes+size > b.limits.PerStream && len(s.chunks) > 0 {
		b.trim(s)
	}
	for counted && b.bytes+size > b.limits.Total && b.dropOldest() {
	}
	for counted && b.bytes+size > b.limits.Total && len(s.chunks) > 0 {
		b.trim(s)
	}
	if counted && b.bytes+size > b.limits.Total || size > b.limits.PerStream {
		// There is no place for it at all: whoever is up to here misses it.
		s.base += int64(len(s.chunks)) + 1
		b.release(s)
		b.counts.Dropped++
		s.wake()
		return
	}
	s.chunks = append(s.chunks, chunk)
	s.bytes += size
	if counted {
		b.bytes += size
	}
	s.wake()
}

// trim drops the oldest chunk of a stream.
func (b *Broker) trim(s *state) {
	size := len(s.chunks[0]) + chunkOverhead
	s.chunks[0] = nil
	s.chunks = s.chunks[1:]
	s.base++
	s.bytes -= size
	if s.key.Query != "" {
		b.bytes -= size
		b.counts.Dropped++
	}
}

// release gives back all chunks of a stream.
func (b *Broker) release(s *state) {
	if s.key.Query != "" {
		b.bytes -= s.bytes
	}
	s.chunks, s.bytes = nil, 0
}

// dropOldest removes the stream that ended first and that nobody reads, and reports whether there
// was one.
func (b *Broker) dropOldest() bool {
	for e := b.over.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*state); s.readers == 0 && s.writers == 0 {
			b.drop(s, ErrDeleted)
			return true
		}
	}
	return false
}

// drop removes a stream; its readers get what is left of it if it had ended, and the error
// otherwise.
func (b *Broker) drop(s *state, why error) {
	if b.streams[s.key] == s {
		delete(b.streams, s.key)
	}
	if s.place != nil {
		b.over.Remove(s.place)
		s.place = nil
	}
	if !s.ended {
		s.ended, s.err = true, why
	}
	// Readers that are there go on with the chunks that they hold in s; the bytes do not count any
	// more.
	if s.key.Query != "" {
		b.bytes -= s.bytes
	}
	s.bytes = 0
	if s.readers == 0 {
		s.chunks = nil
	}
	s.wake()
}

// end marks a stream as ended. The caller holds mu.
func (b *Broker) end(s *state, err error) {
	s.ended, s.err, s.touched = true, err, b.now()
	if s.place == nil {
		s.place = b.over.PushBack(s)
	}
	s.wake()
}

// resume has a stream that has ended go on. The caller holds mu.
func (b *Broker) resume(s *state) {
	s.ended, s.err = false, nil
	if s.place != nil {
		b.over.Remove(s.place)
		s.place = nil
	}
}

// End ends the stream of a Query that has ended, if nobody has.
func (b *Broker) End(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.streams[key]; s != nil && !s.ended {
		b.end(s, nil)
	}
}

// Remove removes the stream of a Query.
func (b *Broker) Remove(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.streams[key]; s != nil {
		b.drop(s, ErrDeleted)
	}
}

// Close ends all streams for their readers. Nothing can be written or read any more.
func (b *Broker) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, s := range b.streams {
		b.drop(s, ErrClosed)
	}
}

// Kept is a stream that may have to be removed.
type Kept struct {
	Key
	UID string
	// Ended says that it was ended, and Writing that somebody writes to it now.
	Ended, Writing bool
}

// Sweep removes the streams that have been kept for long enough, and returns those of the others
// that nobody has written to for a time.
func (b *Broker) Sweep(idle time.Duration) []Kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, recent := b.now().Add(-b.limits.Keep), b.now().Add(-idle)
	var kept []Kept
	for _, s := range b.streams {
		switch {
		case s.key.Query == "":
		case s.writers == 0 && s.readers == 0 && s.touched.Before(old):
			b.drop(s, ErrDeleted)
		case s.touched.After(recent):
		default:
			kept = append(kept, Kept{s.key, s.uid, s.ended, s.writers > 0})
		}
	}
	slices.SortFunc(kept, func(a, b Kept) int {
		return slices.Compare([]string{a.Namespace, a.Query}, []string{b.Namespace, b.Query})
	})
	return kept
}

// Stats returns the broker's numbers.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.counts
	out.Bytes = b.bytes
	for _, s := range b.streams {
		if s.key.Query != "" {
			out.Streams++
		}
		out.Readers += s.readers
		out.Writers += s.writers
	}
	return out
}
