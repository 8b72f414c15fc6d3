package filters

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
)

// maxAhead is how much of request bodies is kept for one user at a time, in bytes.
const maxAhead = 32 << 20

// bodiesAhead reads the bodies of requests before they queue for a seat of Priority and Fairness.
// Otherwise a few clients that send their bodies slowly, or never, hold every seat there is.
//
// What is kept is bounded for each user. It is safe for concurrent use.
type bodiesAhead struct {
	limit int64 // of one body

	mu   sync.Mutex
	kept map[string]int64 // bytes by user
}

func newBodiesAhead(limit int64) *bodiesAhead {
	return &bodiesAhead{limit: limit, kept: map[string]int64{}}
}

// authenticator returns one that reads the body of each request that another one accepts. It is the
// only place before the queue where the user is known.
func (b *bodiesAhead) authenticator(next authenticator.Request) authenticator.Request {
	return authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		response, ok, err := next.AuthenticateRequest(r)
		if ok && response != nil && hasBody(r, b.limit) && needsSeat(r, response.User) {
			r.Body = b.read(r.Context(), r.Body, response.User.GetName())
		}
		return response, ok, err
	})
}

// hasBody reports whether a handler is going to read a body.
func hasBody(r *http.Request, limit int64) bool {
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-ndjson") {
		return false // it comes bit by bit for as long as it takes, and its handler holds no seat
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return r.Body != nil && r.ContentLength != 0 && r.ContentLength <= limit && r.Header.Get("Upgrade") == ""
	}
	return false
}

// needsSeat reports whether a request may hold a seat while its body is read. One of nobody does
// not: it is refused before.
func needsSeat(r *http.Request, sender user.Info) bool {
	if sender.GetName() == user.Anonymous {
		return false
	}
	return !slices.Contains(sender.GetGroups(), user.SystemPrivilegedGroup) || r.Header.Get(authenticationv1.ImpersonateUserHeader) != ""
}

// read returns the body in memory, followed by the error that ended it. What it takes counts for
// the user until the request is over.
func (b *bodiesAhead) read(ctx context.Context, body io.ReadCloser, name string) io.ReadCloser {
	var buffer bytes.Buffer
	taken := &share{user: name}
	context.AfterFunc(ctx, func() { b.end(taken) })
	for {
		const step = 32 << 10
		if !b.take(taken, step) {
			return failedBody{body, apierrors.NewTooManyRequests(fmt.Sprintf("the requests of %s that are under way have sent %d MiB: try again later", name, maxAhead>>20), 1)}
		}
		n, err := io.CopyN(&buffer, body, step)
		b.take(taken, n-step)
		switch {
		case err != nil:
			return readBody{io.MultiReader(&buffer, failedReader{err}), body}
		case int64(buffer.Len()) > b.limit: // the handler refuses it
			return readBody{io.MultiReader(&buffer, body), body}
		}
	}
}

// share is what one request has taken. The mutex of bodiesAhead guards it.
type share struct {
	user  string
	bytes int64
	ended bool
}

// take reports whether the user may have so many bytes more. It always may have less.
func (b *bodiesAhead) take(s *share, bytes int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.ended {
		return true // its request is over, and the next read fails
	}
	if bytes > 0 && b.kept[s.user]+bytes > maxAhead {
		return false
	}
	b.add(s, bytes)
	return true
}

// end gives back what a request has taken.
func (b *bodiesAhead) end(s *share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(s, -s.bytes)
	s.ended = true
}

// add counts bytes. The caller holds mu.
func (b *bodiesAhead) add(s *share, bytes int64) {
	s.bytes += bytes
	b.kept[s.user] += bytes
	if b.kept[s.user] == 0 {
		delete(b.kept, s.user)
	}
}

// readBody is a body that has been read.
type readBody struct {
	io.Reader
	io.Closer
}

// failedReader ends with an error.
type failedReader struct{ error }

func (f failedReader) Read([]byte) (int, error) { return 0, f.error }

// failedBody is a body that is not read.
type failedBody struct {
	io.Closer
	error
}

func (f failedBody) Read([]byte) (int, error) { return 0, f.error }
