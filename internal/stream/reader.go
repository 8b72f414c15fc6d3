package stream

// Reader reads the chunks of one Query, or of all Queries of a namespace. It must be used by one
// goroutine.
type Reader struct {
	broker *Broker
	stream *state
	next   int64
	closed bool
	// elsewhere has the chunks of the stream from other replicas; nil without replicas.
	elsewhere *following
}

// Read returns a reader of a stream, which may begin later. fromBeginning starts with the first
// chunk; a stream whose first chunks have been dropped is then ErrOverrun. uid is "" if it is not
// known.
func (b *Broker) Read(key Key, uid string, fromBeginning bool) (*Reader, error) {
	r, err := b.readHere(key, uid, fromBeginning)
	if err == nil && b.replicas != nil {
		b.follow(r, elsewhere{key, uid, fromBeginning})
	}
	return r, err
}

// readHere is Read for this process only.
func (b *Broker) readHere(key Key, uid string, fromBeginning bool) (*Reader, error) {
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

// End is the end of a stream; Err is nil if the stream is complete.
type End struct{ Err error }

// Take returns the chunks since the last call, which must not be changed. end is not nil if no
// chunks follow; otherwise changed is closed when there are new chunks.
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
	if r.elsewhere != nil {
		var more [][]byte
		more, end = r.elsewhere.take()
		chunks = append(chunks, more...)
	}
	switch {
	case s.ended:
		return chunks, &End{s.err}, nil
	case end != nil:
		return chunks, end, nil
	}
	return chunks, nil, s.changed
}

// Begun reports whether anything has been written to the stream.
func (r *Reader) Begun() bool {
	b := r.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	return r.stream.begun() || r.elsewhere != nil && r.elsewhere.begun
}

// held reports whether this process has chunks of the stream, or a writer of it.
func (r *Reader) held() bool {
	b := r.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	return r.stream.begun() || r.stream.writers > 0
}

func (s *state) begun() bool { return s.base > 0 || len(s.chunks) > 0 || s.ended }

// Close closes the reader. A stream that has never had a writer is removed with its last reader.
func (r *Reader) Close() {
	if r.elsewhere != nil {
		r.elsewhere.close()
	}
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
