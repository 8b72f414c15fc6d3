package stream

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// written is the answer to a writer.
type written struct {
	Status string `json:"status"`
	Query  string `json:"query"`
	Chunks *int   `json:"chunks_received,omitempty"`
}

// write reads chunks, one per line, for as long as the client sends them.
func (h Handler) write(w http.ResponseWriter, r *http.Request, key Key) {
	// The body may take as long as the query.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // an in-memory writer has no deadlines
	uid, _, err := h.Queries.Find(r.Context(), key.Namespace, key.Query)
	if err != nil {
		Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "the query cannot be read: "+err.Error())
		return
	}
	to, err := h.Broker.Write(key, uid)
	if err != nil {
		Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", err.Error())
		return
	}
	received, err := copyLines(to, r.Body, h.Broker.limits.PerStream)
	var wrong *lineError
	switch {
	case errors.As(err, &wrong):
		to.Close(nil)
		Refuse(w, http.StatusBadRequest, "INVALID_CHUNK", fmt.Sprintf("line %d %s; the %d before it were taken", received+1, wrong.what, received))
	case errors.Is(err, ErrDeleted), errors.Is(err, ErrClosed):
		to.Close(err)
		Refuse(w, http.StatusConflict, "GONE", err.Error())
	case err != nil:
		to.Close(ErrWriterGone)
		Refuse(w, http.StatusBadRequest, "INCOMPLETE", "the body has not come to its end")
	default:
		to.Close(nil)
		Answer(w, http.StatusOK, written{"stream_processed", key.Query, &received})
	}
}

// lineError reports what is wrong with a line.
type lineError struct{ what string }

func (e *lineError) Error() string { return "a line " + e.what }

// copyLines appends the lines of a body, and returns the number of lines.
func copyLines(to *Writer, body io.Reader, most int) (n int, err error) {
	lines := bufio.NewReaderSize(body, 32<<10)
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return n, fmt.Errorf("read chunks: %w", err)
		}
		if len(line)+len(part)+chunkOverhead > most {
			return n, &lineError{fmt.Sprintf("has more than %d bytes", most)}
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if chunk := bytes.TrimSpace(line); len(chunk) > 0 {
			if !json.Valid(chunk) {
				return n, &lineError{"is not JSON"}
			}
			if err := to.Append(bytes.Clone(chunk)); err != nil {
				return n, err
			}
			n++
		}
		line = line[:0]
		if err != nil {
			return n, nil
		}
	}
}

// complete ends a stream.
func (h Handler) complete(w http.ResponseWriter, r *http.Request, key Key) {
	switch known, already := h.Broker.CompleteAnywhere(r.Context(), key); {
	case !known:
		Refuse(w, http.StatusNotFound, "NOT_FOUND", "there is no stream of the query "+key.Query)
	case already:
		Answer(w, http.StatusOK, written{Status: "already_completed", Query: key.Query})
	default:
		Answer(w, http.StatusOK, written{Status: "completed", Query: key.Query})
	}
}
