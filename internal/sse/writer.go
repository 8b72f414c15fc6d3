package sse

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// WriteTimeout is how long a client may take for one write.
	WriteTimeout = 30 * time.Second
	// KeepAlive is the interval at which a comment is sent on a stream without events. It is not
	// shorter, because some clients give up after hundreds of lines without data.
	KeepAlive = 15 * time.Second
)

// Writer writes events. It must be used by one goroutine.
type Writer struct {
	to      http.ResponseWriter
	control *http.ResponseController
	buffer  []byte
}

// Start sends the header of a stream.
func Start(w http.ResponseWriter) (*Writer, error) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s := &Writer{to: w, control: http.NewResponseController(w)}
	return s, s.flush()
}

// Data sends an event. The data must be one line, such as JSON without indentation.
func (s *Writer) Data(data []byte) error {
	s.buffer = append(append(append(s.buffer[:0], "data: "...), data...), "\n\n"...)
	return s.send()
}

// Event sends an event with a name, for APIs that use event names.
func (s *Writer) Event(name string, data []byte) error {
	s.buffer = append(append(append(s.buffer[:0], "event: "...), name...), "\ndata: "...)
	s.buffer = append(append(s.buffer, data...), "\n\n"...)
	return s.send()
}

// Done sends the event that ends a stream.
func (s *Writer) Done() error { return s.Data([]byte("[DONE]")) }

// Ping sends a comment.
func (s *Writer) Ping() error {
	s.buffer = append(s.buffer[:0], ": ping\n\n"...)
	return s.send()
}

func (s *Writer) send() error {
	_ = s.control.SetWriteDeadline(time.Now().Add(WriteTimeout)) // an in-memory writer has no deadlines
	if _, err := s.to.Write(s.buffer); err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	return s.flush()
}

func (s *Writer) flush() error {
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flush an event: %w", err)
	}
	return nil
}
