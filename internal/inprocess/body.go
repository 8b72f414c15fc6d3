package inprocess

import (
	"io"
	"net/http"
)

// responseBody is the answer as the caller reads it.
type responseBody exchange

// Read implements io.Reader. It waits for what the handler writes.
func (b *responseBody) Read(p []byte) (int, error) {
	x := (*exchange)(b)
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for x.at == len(x.buffer) && !x.returned && x.end == nil {
		x.toRead.Wait()
	}
	if x.end != nil {
		return 0, x.end
	}
	n := copy(p, x.buffer[x.at:])
	x.at += n
	if x.at < len(x.buffer) {
		x.toWrite.Signal()
		return n, nil
	}
	if x.at = 0; cap(x.buffer) > keptBuffer {
		x.buffer = nil
	} else {
		x.buffer = x.buffer[:0]
	}
	x.toWrite.Signal()
	switch {
	case !x.returned:
		return n, nil
	case x.fault != nil:
		return n, x.fault
	}
	for name, values := range x.last {
		if x.answer.Trailer == nil {
			x.answer.Trailer = http.Header{}
		}
		x.answer.Trailer[name] = values
	}
	return n, io.EOF
}

// Close implements io.Closer. A handler that is still at work is asked to end, and not waited for.
func (b *responseBody) Close() error {
	x := (*exchange)(b)
	x.mu.Lock()
	closed := x.end != nil
	if !closed {
		x.end = http.ErrBodyReadAfterClose
		x.buffer, x.at = nil, 0
	}
	returned := x.returned
	x.mu.Unlock()
	if !closed && !returned {
		x.abort(http.ErrBodyReadAfterClose)
	}
	return nil
}
