package chat

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/sse"
	"github.com/mckinsey/ark-server/internal/stream"
)

// Log writes the output of a Query as text. With follow it continues until the Query has ended.
func (s *Server) Log(w http.ResponseWriter, r *http.Request, at Subresource) error {
	q := &v1alpha1.Query{}
	if err := s.options.System.Get(r.Context(), "queries", at.Namespace, at.Name, q); err != nil {
		return err
	}
	from, err := s.options.Broker.Read(stream.Key{Namespace: at.Namespace, Query: at.Name}, string(q.UID), true)
	if err != nil {
		return err
	}
	defer from.Close()
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	l := &logWriter{to: w, control: http.NewResponseController(w), answer: answer{all: true}}
	if l.flush() != nil {
		return nil // the client is gone
	}
	if r.URL.Query().Get("follow") != "true" && !ask.Ended(q) {
		_, _, _ = l.take(from)
		return nil
	}
	l.follow(r.Context(), s, q, from)
	return nil
}

// logWriter writes the text of a stream.
type logWriter struct {
	to      http.ResponseWriter
	control *http.ResponseController
	answer  answer
	// open is true if a line has begun.
	open bool
}

func (l *logWriter) flush() error {
	_ = l.control.SetWriteDeadline(time.Now().Add(sse.WriteTimeout)) // an in-memory writer has no deadlines
	return l.control.Flush()
}

func (l *logWriter) write(text string) error {
	if text == "" {
		return nil
	}
	l.open = !strings.HasSuffix(text, "\n")
	_ = l.control.SetWriteDeadline(time.Now().Add(sse.WriteTimeout)) // an in-memory writer has no deadlines
	if _, err := fmt.Fprint(l.to, text); err != nil {
		return err
	}
	return l.flush()
}

// take writes the new chunks. over is true if the stream has no more.
func (l *logWriter) take(from *stream.Reader) (changed <-chan struct{}, over bool, err error) {
	chunks, end, changed := from.Take()
	for _, c := range chunks {
		if p, ok := l.answer.take(c); ok {
			if err := l.write(p.content); err != nil {
				return nil, true, err
			}
		}
	}
	return changed, end != nil, nil
}

// follow writes chunks until the Query has ended, and then the missing part.
func (l *logWriter) follow(ctx context.Context, s *Server, q *v1alpha1.Query, from *stream.Reader) {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan result, 1)
	go func() {
		q, err := ask.Wait(ctx, s.options.System, q)
		ended <- result{q, err}
		close(ended)
	}()
	defer func() {
		stop()
		for range ended { // the channel is closed when the watch has ended
		}
	}()
	over := false
	for {
		var changed <-chan struct{}
		if !over {
			var err error
			if changed, over, err = l.take(from); err != nil {
				return // the client is gone
			}
		}
		select {
		case <-changed:
		case <-s.closing:
			_ = l.end("error: " + stream.ErrClosed.Error()) // the client may be gone
			return
		case out := <-ended:
			if !over {
				if _, _, err := l.take(from); err != nil {
					return
				}
			}
			l.last(out)
			return
		}
	}
}

// last writes the part of a Query's answer that the stream did not have, or its error.
func (l *logWriter) last(out result) {
	text := ""
	switch {
	case out.err != nil:
		text = "error: " + out.err.Error()
	case *out.query.Status.Phase == v1alpha1.QueryDone:
		if l.write(l.answer.rest(out.query).content) != nil {
			return
		}
	case *out.query.Status.Phase == v1alpha1.QueryCanceled:
		text = "error: the query was canceled"
	default:
		text = "error: " + failure(out.query)
	}
	_ = l.end(text) // the client may be gone
}

// end writes a last line, which starts on a new line.
func (l *logWriter) end(text string) error {
	if l.open {
		if err := l.write("\n"); err != nil {
			return err
		}
	}
	if text == "" {
		return nil
	}
	return l.write(text + "\n")
}
