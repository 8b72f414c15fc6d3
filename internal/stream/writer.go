package stream

// Writer writes the chunks of one Query. It must be used by one goroutine.
type Writer struct {
	broker *Broker
	stream *state
	closed bool
}

// Write returns a writer of the stream of a Query, which continues after the chunks of earlier
// writers. uid is "" if it is not known.
func (b *Broker) Write(key Key, uid string) (*Writer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.get(key, uid)
	if err != nil {
		return nil, err
	}
	// The writer has reconnected after a lost connection, or the query continues after an approval.
	b.resume(s)
	s.writers++
	s.wake() // readers at other replicas have to learn where the stream is
	return &Writer{broker: b, stream: s}, nil
}

// Append adds a chunk, which must not be changed afterwards. It does not wait for readers. It
// returns an error if the stream has been removed.
func (w *Writer) Append(chunk []byte) error {
	b := w.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	s := w.stream
	if b.streams[s.key] != s {
		if b.closed {
			return ErrClosed
		}
		return ErrDeleted
	}
	b.resume(s)
	b.counts.Chunks++
	s.touched = b.now()
	b.add(s, chunk)
	if all := b.streams[Key{Namespace: s.key.Namespace}]; all != nil {
		b.add(all, chunk)
	}
	return nil
}

// Close closes the writer. With nil another writer may follow; an error ends the stream for its
// readers if there is no other writer.
func (w *Writer) Close(err error) {
	b := w.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	w.stream.writers--
	w.stream.touched = b.now()
	if err != nil && w.stream.writers == 0 && !w.stream.ended {
		b.end(w.stream, err)
	}
}

// Complete ends the stream of a Query. known is false if there is none, and already is true if it
// was complete before.
func (b *Broker) Complete(key Key) (known, already bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.streams[key]
	if s == nil || !s.ended && len(s.chunks) == 0 && s.base == 0 {
		return false, false
	}
	if s.ended && s.err == nil {
		return true, true
	}
	b.end(s, nil)
	return true, false
}
