package stream

// Writer writes the chunks of one Query. One goroutine uses it.
type Writer struct {
	broker *Broker
	stream *state
	closed bool
}

// Write returns a writer of the stream of a Query, which goes on where others have left it. uid is
// "" where it is not known.
func (b *Broker) Write(key Key, uid string) (*Writer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := b.get(key, uid)
	if err != nil {
		return nil, err
	}
	// Who lost the connection is back, or a query goes on after it has waited for somebody.
	b.resume(s)
	s.writers++
	s.wake() // readers elsewhere are to know where it is
	return &Writer{broker: b, stream: s}, nil
}

// Append adds a chunk, which must not change any more. It waits for nobody. The error says that the
// stream has been removed.
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

// Close says that the writer goes: with nil another one may follow; an error ends the stream for
// its readers if nobody else writes.
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

// Complete ends the stream of a Query. known is false if there is none, and already true if it had
// been completed.
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
