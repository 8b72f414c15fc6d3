package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// Handler answers a Call. The context ends with the caller's, and when this replica leaves.
type Handler func(ctx context.Context, from Member, request []byte) ([]byte, error)

// StreamHandler sends the chunks of a Stream. send waits while the caller does not read, and
// returns an error once nobody reads any more; chunks may be reused after it has returned. The
// context is as for Handler.
type StreamHandler func(ctx context.Context, from Member, request []byte, send func(chunk []byte) error) error

const (
	callPath   = "/v1/call/"
	streamPath = "/v1/stream/"
	// headerTo and headerFrom are the IDs of the member that is called and of the caller.
	headerTo   = "Ark-Peer-To"
	headerFrom = "Ark-Peer-From"
	// What the statuses mean: see statusError.
	statusGone    = http.StatusGone
	statusFailed  = http.StatusInternalServerError
	statusUnknown = http.StatusNotFound
)

// ServeHTTP serves the other replicas.
func (g *Group) serveHTTP(w http.ResponseWriter, r *http.Request) {
	from, err := g.caller(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	if self, ok := g.Self(); !ok || r.Header.Get(headerTo) != self.ID {
		http.Error(w, ErrGone.Error(), statusGone)
		return
	}
	request, err := io.ReadAll(io.LimitReader(r.Body, MaxMessage+1))
	if err != nil || len(request) > MaxMessage {
		http.Error(w, errors.Join(err, ErrTooLarge).Error(), http.StatusRequestEntityTooLarge)
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(g.taking(), func() { cancel(ErrClosed) })()
	if name, ok := strings.CutPrefix(r.URL.Path, streamPath); ok {
		g.serveStream(ctx, w, name, from, request)
		return
	}
	g.serveCall(ctx, w, strings.TrimPrefix(r.URL.Path, callPath), from, request)
}

func (g *Group) serveCall(ctx context.Context, w http.ResponseWriter, name string, from Member, request []byte) {
	handler := g.calls[name]
	if handler == nil {
		http.Error(w, ErrUnknownMethod.Error(), statusUnknown)
		return
	}
	answer, err := func() (answer []byte, err error) {
		defer g.recovered(name, &err)
		return handler(ctx, from, request)
	}()
	if err == nil && len(answer) > MaxMessage {
		err = ErrTooLarge
	}
	if err != nil {
		http.Error(w, err.Error(), statusFailed)
		return
	}
	_, _ = w.Write(answer) // a caller that has gone does not matter
}

func (g *Group) serveStream(ctx context.Context, w http.ResponseWriter, name string, from Member, request []byte) {
	handler := g.streams[name]
	if handler == nil {
		http.Error(w, ErrUnknownMethod.Error(), statusUnknown)
		return
	}
	control := http.NewResponseController(w)
	write := func(frame []byte) error {
		if _, err := w.Write(frame); err != nil {
			return err
		}
		return control.Flush()
	}
	w.WriteHeader(http.StatusOK)
	if control.Flush() != nil {
		return
	}
	sent, buf := uint64(0), []byte(nil)
	err := func() (err error) {
		defer g.recovered(name, &err)
		return handler(ctx, from, request, func(chunk []byte) error {
			if len(chunk) > MaxMessage {
				return ErrTooLarge
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			buf = appendFrame(buf[:0], frameChunk, chunk)
			if err := write(buf); err != nil {
				return err
			}
			sent++
			return nil
		})
	}()
	last := appendFrame(nil, frameEnd, binary.BigEndian.AppendUint64(nil, sent))
	if err != nil {
		last = appendFrame(nil, frameError, []byte(err.Error()))
	}
	_ = write(last) // a caller that has gone does not matter
}

// recovered makes an error of a handler's panic.
func (g *Group) recovered(name string, err *error) {
	if p := recover(); p != nil {
		g.log.Error("a handler for other replicas panicked", "method", name, "panic", p, "stack", string(debug.Stack()))
		*err = fmt.Errorf("the handler of %s panicked", name)
	}
}

// caller returns the member that a request comes from: one with the key of the connection.
func (g *Group) caller(r *http.Request) (Member, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return Member{}, errors.New("no certificate")
	}
	key, id := keyOf(r.TLS.PeerCertificates[0]), r.Header.Get(headerFrom)
	is := func(m Member) bool { return m.Key == key && m.ID == id }
	if m, ok := g.find(is); ok {
		return m, nil
	}
	// It may have joined just now.
	ctx, cancel := context.WithTimeout(r.Context(), lookupTime)
	defer cancel()
	if err := g.refresh(ctx, true); err != nil {
		return Member{}, fmt.Errorf("look for the caller: %w", err)
	}
	if m, ok := g.find(is); ok {
		return m, nil
	}
	return Member{}, errors.New("the caller is no replica of this database")
}

const lookupTime = 3 * time.Second
