package stream

// Reader reads the chunks of one Query, or of all of a namespace. One goroutine uses it.
type Reader struct {
	broker *Broker
	stream *state
	next   int64
	closed bool
}

// Read returns a reader of a stream, which may begin later. fromBeginning starts with the first chunk; a stream whose
// first chunks have been dropped is then ErrOverrun. uid is "" where it is not known.
func (b *Broker) Read(key Key, uid string, fromBeginning bool) (*Reader, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.get(key, uid)
	if err != nil {
		return nil, err
	}
	s.readers++
	r := &Reader{broker: b, stream: s}
	if !fromBeginning {
		r.next = s.base + int64(len(s.chunks))
	}
	return r, nil
}

// End is how a stream has ended; Err is nil if it is complete.
type End struct{ Err error }

// Take returns the chunks since the last call, which must not be changed. end is not nil when nothing follows them;
// otherwise changed is closed when something does.
func (r *Reader) Take() (chunks [][]byte, end *End, changed <-chan struct{}) {
	b := r.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	s := r.stream
	if r.next < s.base {
		b.counts.Overrun++
		r.next = s.base + int64(len(s.chunks))
		return nil, &End{ErrOverrun}, nil
	}
	chunks = append(chunks, s.chunks[r.next-s.base:]...)
	r.next += int64(len(chunks))
	if s.ended {
		return chunks, &End{s.err}, nil
	}
	return chunks, nil, s.changed
}

// Begun reports whether anything has been written to the stream.
func (r *Reader) Begun() bool {
	b := r.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	return r.stream.base > 0 || len(r.stream.chunks) > 0 || r.stream.ended
}

// Close ends the reader. A stream that nobody has written to goes with its last one.
func (r *Reader) Close() {
	b := r.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	s := r.stream
	s.readers--
	empty := s.writers == 0 && !s.ended && s.base == 0 && len(s.chunks) == 0
	if s.readers == 0 && (empty || s.key.Query == "") && b.streams[s.key] == s {
		delete(b.streams, s.key)
	}
}
