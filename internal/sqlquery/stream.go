package sqlquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// buffered is how many rows are buffered for the reader of a stream.
const buffered = 128

// Stream is an answer whose rows are read while the statement runs. It must be used by one
// goroutine, which must close it.
type Stream struct {
	// Columns are the columns of the rows. A type is empty if only the values determine it.
	Columns []Column
	// Truncated is set at the end: there were more rows, or they were too large.
	Truncated bool

	ctx    context.Context //nolint:containedctx // the deadline of the statement is that of the rows
	cancel func()
	first  []any
	rows   chan []any
	end    result // may be read when rows is closed
}

// result is the outcome of a statement.
type result struct {
	truncated bool
	err       error
}

// Open runs a statement until its first row or its end. An *Error is an error in the statement.
// Open and Next return by the deadline, whatever SQLite is doing; the slot is free when SQLite has
// stopped.
func (r *Runner) Open(ctx context.Context, q Request) (*Stream, error) {
	if strings.TrimSpace(q.Query) == "" {
		return nil, &Error{Message: "there is no statement"}
	}
	if len(q.Query) > maxStatement {
		return nil, &Error{Message: fmt.Sprintf("the statement has %d bytes, more than %d", len(q.Query), maxStatement)}
	}
	if strings.ContainsRune(q.Query, 0) {
		return nil, &Error{Message: "the statement has a NUL character"}
	}
	if q.Timeout <= 0 {
		q.Timeout = DefaultTime
	}
	if q.MaxRows <= 0 {
		q.MaxRows = DefaultRows
	}
	q.MaxRows = min(q.MaxRows, MaxRows)
	ctx, stop := context.WithCancelCause(ctx)
	ctx, cancelTime := context.WithTimeoutCause(ctx, min(q.Timeout, MaxTime), ErrTimeout)
	s := &Stream{ctx: ctx, cancel: func() { cancelTime(); stop(nil) }, rows: make(chan []any, buffered)}
	select {
	case r.places <- struct{}{}:
	case <-ctx.Done():
		s.cancel()
		return nil, ErrBusy
	}
	watched, unwatch := context.WithCancel(ctx)
	go watchMemory(watched, stop)
	begun := make(chan []Column, 1)
	go func() {
		defer func() { unwatch(); <-r.places }()
		s.end = r.run(ctx, q, begun, s.rows)
		close(s.rows)
	}()
	first, err := s.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		s.cancel()
		return nil, err
	}
	// The columns are sent before the first row, and before an end without an error.
	s.first, s.Columns = first, <-begun
	return s, nil
}

// ErrNotYet reports that there was no row within the time, but there may be one later.
var ErrNotYet = errors.New("there is no row yet")

// NextWithin returns the next row, io.EOF, or ErrNotYet if there is neither within d.
func (s *Stream) NextWithin(d time.Duration) ([]any, error) {
	if s.first == nil && len(s.rows) == 0 {
		wait := time.NewTimer(d)
		defer wait.Stop()
		select {
		case row, more := <-s.rows:
			return s.next(row, more)
		case <-s.ctx.Done():
		case <-wait.C:
			return nil, ErrNotYet
		}
	}
	return s.Next()
}

// Next returns the next row, or io.EOF.
func (s *Stream) Next() ([]any, error) {
	if row := s.first; row != nil {
		s.first = nil
		return row, nil
	}
	select {
	case row, more := <-s.rows: // a row that is available is returned even after the deadline
		return s.next(row, more)
	default:
	}
	select {
	case row, more := <-s.rows:
		return s.next(row, more)
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
}

func (s *Stream) next(row []any, more bool) ([]any, error) {
	if more {
		return row, nil
	}
	s.Truncated = s.end.truncated
	cause := context.Cause(s.ctx)
	switch {
	case s.end.err == nil:
		return nil, io.EOF
	case errors.Is(cause, ErrTimeout), errors.Is(cause, ErrMemory):
		return nil, cause
	}
	return nil, s.end.err
}

// Close ends the statement.
func (s *Stream) Close() { s.cancel() }

// Run returns a whole answer by the deadline. An *Error is an error in the statement.
func (r *Runner) Run(ctx context.Context, q Request) (*Answer, error) {
	s, err := r.Open(ctx, q)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	answer := &Answer{Columns: s.Columns, Rows: [][]any{}}
	for {
		row, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i, value := range row {
			if answer.Columns[i].Type == "" && value != nil {
				answer.Columns[i].Type = typeOf(value)
			}
		}
		answer.Rows = append(answer.Rows, row)
	}
	for i := range answer.Columns {
		if answer.Columns[i].Type == "" {
			answer.Columns[i].Type = "text"
		}
	}
	answer.Truncated = s.Truncated
	return answer, nil
}
