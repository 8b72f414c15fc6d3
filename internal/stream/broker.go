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
	// PerStream and Total bound the bytes of chunks.
	PerStream, Total int
	// Streams bounds the number of streams.
	Streams int
	// Keep is how long a stream is kept after its end.
	Keep time.Duration
}

// DefaultLimits are the limits of a server.
var DefaultLimits = Limits{PerStream: 8 << 20, Total: 64 << 20, Streams: 20_000, Keep: time.Minute}

// chunkOverhead is approximately the memory of a chunk in addition to its bytes.
const chunkOverhead = 48

// Errors that end a stream for a reader.
var (
	// ErrOverrun: chunks that the reader had not read were dropped.
	ErrOverrun = errors.New("the stream is longer than what is kept of it, and its beginning is gone: read the answer from the query")
	// ErrWriterGone: the writer's connection broke.
	ErrWriterGone = errors.New("whoever answers the query has lost the connection to the stream: read the answer from the query")
	// ErrDeleted: the Query was deleted, or recreated.
	ErrDeleted = errors.New("the query was deleted")
	// ErrClosed: the server stops.
	ErrClosed = errors.New("the server is shutting down: read the answer from the query")
)

// ErrTooMany is the error for a writer or a reader if the number of streams is at its limit.
var ErrTooMany = errors.New("there are too many streams: try again later")

// Broker keeps streams. It is safe for concurrent use.
type Broker struct {
	limits   Limits
	now      func() time.Time
	replicas Replicas // nil for a process without other replicas

	mu      sync.Mutex
	streams map[Key]*state
	over    list.List // of *state: streams that have ended, in that order
	bytes   int       // of all streams
	closed  bool
	counts  Stats
}

// Stats are numbers of a broker.
type Stats struct {
	// Streams, Bytes, Readers and Writers are the current numbers.
	Streams, Bytes, Readers, Writers int
	// Chunks, Dropped and Overrun count the chunks that were written, the chunks that were dropped
	// because of a bound, and the readers that missed some.
	Chunks, Dropped, Overrun int64
}

// state is a stream. The broker's mutex guards it.
type state struct {
	key    Key
	uid    string
	chunks [][]byte
	// base is the number of chunks that were dropped before the first one.
	base  int64
	bytes int
	// ended is true if no more chunks follow; err is the reason, or nil.
	ended            bool
	err              error
	touched          time.Time // by a writer, or by the end
	readers, writers int
	changed          chan struct{} // closed at the next change
	place            *list.Element // in Broker.over; nil while it has not ended
}

// New returns a broker. now returns the current time.
func New(limits Limits, now func() time.Time) *Broker {
	return &Broker{limits: limits, now: now, streams: map[Key]*state{}}
}

// get returns the stream of a Query, and creates it if it is missing. The caller holds mu. uid is
// "" if it is not known.
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

// wake notifies the readers of a stream that it has changed.
func (s *state) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// add appends a chunk, within the bounds. The caller holds mu.
func (b *Broker) add(s *state, chunk []byte) {
	size := len(chunk) + chunkOverhead
	counted := s.key.Query != "" // the chunks of a namespace's stream are counted in its Queries' streams
	for s.bytes+size > b.limits.PerStream && len(s.chunks) > 0 {
		b.trim(s)
	}
	for counted && b.bytes+size > b.limits.Total && b.dropOldest() {
	}
	for counted && b.bytes+size > b.limits.Total && len(s.chunks) > 0 {
		b.trim(s)
	}
	if counted && b.bytes+size > b.limits.Total || size > b.limits.PerStream {
		// There is no room for the chunk: every reader up to here misses it.
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

// release frees all chunks of a stream.
func (b *Broker) release(s *state) {
	if s.key.Query != "" {
		b.bytes -= s.bytes
	}
	s.chunks, s.bytes = nil, 0
}

// dropOldest removes the stream without readers that ended first, and reports whether there was
// one.
func (b *Broker) dropOldest() bool {
	for e := b.over.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*state); s.readers == 0 && s.writers == 0 {
			b.drop(s, ErrDeleted)
			return true
		}
	}
	return false
}

// drop removes a stream. If it had ended, its readers get the remaining chunks, otherwise the
// error.
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
	// Existing readers continue with the chunks that they reference in s; the bytes no longer count.
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

// resume reopens a stream that has ended. The caller holds mu.
func (b *Broker) resume(s *state) {
	s.ended, s.err = false, nil
	if s.place != nil {
		b.over.Remove(s.place)
		s.place = nil
	}
}

// End ends the stream of a Query that has ended, if it is still open.
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

// Close ends all streams for their readers. After that, reads and writes fail.
func (b *Broker) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, s := range b.streams {
		b.drop(s, ErrClosed)
	}
}

// Kept is a stream that may need to be removed.
type Kept struct {
	Key
	UID string
	// Ended is true if it has ended, and Writing if it has a writer.
	Ended, Writing bool
}

// Sweep removes the streams whose retention has passed, and returns those of the others that no
// writer has used for the time idle.
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
