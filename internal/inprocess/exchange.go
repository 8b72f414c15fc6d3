package inprocess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"

	"k8s.io/klog/v2"
)

const (
	// window is how much of an answer may wait for the caller.
	window = 64 << 10
	// eager is how much of an answer is kept back that the handler has not flushed. Most answers are
	// shorter, and the caller is woken once.
	eager = 32 << 10
	// keptBuffer is the largest buffer that is kept when the caller has read all: a watch lasts.
	keptBuffer = 4 << 10
)

var (
	// errGone is what a handler gets that writes to a caller who has closed the answer or ended the
	// call. Its last words are those by which package clientfault knows that a client has gone.
	errGone = errors.New("the caller in the process has gone: client disconnected")
	// errReturned is what is left of a handler gets that writes after it has returned.
	errReturned = errors.New("the handler has returned")
	// errBroken is what the caller gets of an answer that is not whole.
	errBroken = fmt.Errorf("the server broke off the answer: %w", io.ErrUnexpectedEOF)
)

// exchange is one call: the answer on its way from the handler to the caller. One goroutine writes
// at a time, and one reads.
type exchange struct {
	method  string
	upgrade bool
	body    *requestBody // nil if there is none
	cancel  context.CancelCauseFunc
	// detach lets the end of the caller's context no longer end the call.
	detach func() bool

	mu sync.Mutex
	// toRead wakes the caller, and toWrite the handler.
	toRead, toWrite sync.Cond

	header   http.Header // the handler's to change
	status   int         // 0 until WriteHeader
	sent     http.Header // the header as it was then
	trailer  []string    // the names that were announced
	last     http.Header // the trailer, once the handler has returned
	declared int64       // Content-Length; -1 if there is none
	written  int64
	buffer   []byte // what the handler has written and the caller has not read, from at on
	at       int

	visible  bool           // the caller may have the status and the header
	returned bool           // the handler has
	fault    error          // how the answer ended if it is not whole: after what was written
	end      error          // why the caller gets no more: at once
	answer   *http.Response // what the caller has got
	conn     net.Conn       // the caller's end of a connection that the handler has taken over
	gone     chan bool      // of CloseNotify
}

func newExchange(r *http.Request, cancel context.CancelCauseFunc) *exchange {
	x := &exchange{method: r.Method, upgrade: isUpgrade(r.Header), cancel: cancel, header: http.Header{}, declared: -1}
	x.toRead.L, x.toWrite.L = &x.mu, &x.mu
	return x
}

// serve has a handler answer.
func (x *exchange) serve(handler http.Handler, r *http.Request) {
	defer func() {
		var fault error
		if thrown := recover(); thrown != nil {
			fault = errBroken
			if thrown != http.ErrAbortHandler { //nolint:errorlint // net/http compares so
				klog.ErrorS(nil, "A handler panicked that was called in the process", "panic", thrown, "verb", r.Method, "path", r.URL.Path, "stack", string(debug.Stack()))
			}
		}
		x.finish(fault)
		if x.body != nil {
			_ = x.body.Close() // what is left of it is not wanted
		}
		x.cancel(nil)
	}()
	var w http.ResponseWriter = writer{x}
	if x.upgrade {
		w = hijackable{writer{x}}
	}
	handler.ServeHTTP(w, r)
}

// finish notes that the handler has returned.
func (x *exchange) finish(fault error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if fault == nil && x.conn == nil && x.status == 0 {
		x.begin(http.StatusOK)
	}
	if fault == nil && x.declared >= 0 && x.written < x.declared && x.method != http.MethodHead && bodyAllowed(x.status) {
		fault = errBroken
	}
	if fault == nil {
		x.finishTrailer()
	}
	x.returned, x.fault = true, fault
	if x.conn == nil {
		x.detach()
	}
	x.toRead.Signal()
}

// abort ends the call for the caller, and asks the handler to end.
func (x *exchange) abort(why error) {
	x.mu.Lock()
	if x.end == nil && !x.returned {
		x.end = why
		x.buffer = nil
	}
	if x.gone != nil {
		select {
		case x.gone <- true:
		default:
		}
	}
	if x.conn != nil {
		_ = x.conn.Close() // a pipe's has no error
	}
	x.toRead.Signal()
	x.toWrite.Broadcast()
	x.mu.Unlock()
	x.cancel(why)
	if x.body != nil {
		_ = x.body.Close() // wakes the handler
	}
}

// response waits for the beginning of the answer.
func (x *exchange) response(r *http.Request) (*http.Response, error) {
	x.mu.Lock()
	for !x.visible && !x.returned && x.end == nil {
		x.toRead.Wait()
	}
	if x.conn != nil && x.end == nil {
		conn := x.conn
		x.mu.Unlock()
		return x.upgraded(conn, r)
	}
	defer x.mu.Unlock()
	if x.end != nil {
		return nil, x.end
	}
	if x.fault != nil && !x.visible {
		return nil, x.fault
	}
	answer := &http.Response{
		Status: statusLine(x.status), StatusCode: x.status,
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: x.sent, ContentLength: x.declared, Request: r,
		Body: (*responseBody)(x),
	}
	for _, name := range x.trailer {
		if answer.Trailer == nil {
			answer.Trailer = http.Header{}
		}
		answer.Trailer[name] = nil
	}
	switch {
	case !bodyAllowed(x.status):
		answer.ContentLength, answer.Body = 0, http.NoBody
	case x.method == http.MethodHead:
		answer.Body = http.NoBody
	case x.declared < 0 && x.returned && !x.visible && x.fault == nil:
		answer.ContentLength = x.written
	}
	x.answer = answer
	return answer, nil
}

func statusLine(code int) string { return strconv.Itoa(code) + " " + http.StatusText(code) }

func bodyAllowed(status int) bool {
	return status >= http.StatusOK && status != http.StatusNoContent && status != http.StatusNotModified
}
