package inprocess

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// writer is what a handler writes the answer to. It has what handlers ask a writer of HTTP/2 for.
type writer struct{ x *exchange }

// closeNotifier is http.CloseNotifier, which is deprecated. The decorators of k8s.io/apiserver find
// an http.Flusher only where there is one, too.
type closeNotifier interface{ CloseNotify() <-chan bool }

var (
	_ http.Flusher  = writer{}
	_ closeNotifier = writer{}
)

// Header implements http.ResponseWriter.
func (w writer) Header() http.Header { return w.x.header }

// WriteHeader implements http.ResponseWriter.
func (w writer) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	x := w.x
	x.mu.Lock()
	defer x.mu.Unlock()
	// Information such as 103 is for those who wait on a wire.
	if x.status != 0 || x.conn != nil || x.returned || status < http.StatusOK && status != http.StatusSwitchingProtocols {
		return
	}
	x.begin(status)
}

// Write implements http.ResponseWriter. It waits while the caller has a window to read.
func (w writer) Write(p []byte) (int, error) {
	x := w.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conn != nil {
		return 0, http.ErrHijacked
	}
	if x.returned {
		return 0, errReturned
	}
	if x.status == 0 {
		x.begin(http.StatusOK)
	}
	x.sniff(p)
	switch {
	case !bodyAllowed(x.status):
		return 0, http.ErrBodyNotAllowed
	case x.declared >= 0 && x.written+int64(len(p)) > x.declared:
		return 0, http.ErrContentLength
	case x.method == http.MethodHead:
		x.written += int64(len(p))
		return len(p), nil
	}
	return x.put(p)
}

// Flush implements http.Flusher.
func (w writer) Flush() {
	x := w.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conn != nil || x.returned {
		return
	}
	if x.status == 0 {
		x.begin(http.StatusOK)
	}
	x.show()
}

// FlushError is for http.ResponseController.
func (w writer) FlushError() error {
	w.Flush()
	w.x.mu.Lock()
	defer w.x.mu.Unlock()
	if w.x.end != nil {
		return errGone
	}
	return nil
}

// EnableFullDuplex is for http.ResponseController: bodies go both ways at once anyway.
func (w writer) EnableFullDuplex() error { return nil }

// CloseNotify implements closeNotifier.
func (w writer) CloseNotify() <-chan bool {
	x := w.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gone == nil {
		x.gone = make(chan bool, 1)
		if x.end != nil {
			x.gone <- true
		}
	}
	return x.gone
}

// put appends to the answer as the caller reads it. The caller of put holds mu.
func (x *exchange) put(p []byte) (int, error) {
	n := 0
	for {
		if x.end != nil {
			return n, errGone
		}
		if x.returned {
			return n, errReturned
		}
		if n == len(p) {
			break
		}
		room := window - (len(x.buffer) - x.at)
		if room == 0 {
			x.show()
			x.toWrite.Wait()
			continue
		}
		piece := p[n:min(len(p), n+room)]
		if x.at > 0 && len(x.buffer)+len(piece) > cap(x.buffer) {
			x.buffer = x.buffer[:copy(x.buffer, x.buffer[x.at:])]
			x.at = 0
		}
		x.buffer = append(x.buffer, piece...)
		x.written += int64(len(piece))
		n += len(piece)
	}
	if len(x.buffer)-x.at >= eager {
		x.show()
	}
	return n, nil
}

// show lets the caller have what there is. The caller of show holds mu.
func (x *exchange) show() {
	x.visible = true
	x.toRead.Signal()
}

// begin fixes the status and the header. The caller holds mu.
func (x *exchange) begin(status int) {
	x.status, x.sent = status, x.header.Clone()
	// They are about one connection, and there is none.
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding"} {
		delete(x.sent, name)
	}
	if text := x.sent.Get("Content-Length"); text != "" {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
			x.declared = n
		} else {
			delete(x.sent, "Content-Length")
		}
	}
	for name := range x.sent {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			delete(x.sent, name)
		}
	}
	for _, names := range x.sent["Trailer"] {
		for name := range strings.SplitSeq(names, ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); name != "" {
				x.trailer = append(x.trailer, name)
				delete(x.sent, name)
			}
		}
	}
	delete(x.sent, "Trailer")
}

// sniff names the type of an answer that the handler has not named. The caller holds mu.
func (x *exchange) sniff(p []byte) {
	if x.visible || x.written > 0 || len(p) == 0 || !bodyAllowed(x.status) {
		return
	}
	if _, named := x.sent["Content-Type"]; !named && x.sent.Get("Content-Encoding") == "" {
		x.sent["Content-Type"] = []string{http.DetectContentType(p)}
	}
}

// finishTrailer takes the values of the announced trailers, and trailers by prefix, which need no
// announcement. The caller holds mu.
func (x *exchange) finishTrailer() {
	for name, values := range x.header {
		after, ok := strings.CutPrefix(name, http.TrailerPrefix)
		if !ok && !slices.Contains(x.trailer, name) {
			continue
		}
		if x.last == nil {
			x.last = http.Header{}
		}
		x.last[http.CanonicalHeaderKey(after)] = slices.Clone(values)
	}
}
