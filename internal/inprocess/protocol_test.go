package inprocess

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
)

var alice = &user.DefaultInfo{Name: "alice", Groups: []string{"staff"}, Extra: map[string][]string{"team": {"red"}}}

// serving returns a client of a handler, as alice.
func serving(t testing.TB, handler http.HandlerFunc) (*Transport, *http.Client) {
	t.Helper()
	transport := New("test/1")
	transport.Serve(handler)
	t.Cleanup(transport.Close)
	as, err := transport.As(alice)
	if err != nil {
		t.Fatal(err)
	}
	return transport, &http.Client{Transport: as}
}

// seen is what a client can see of an answer.
type seen struct {
	status  int
	header  http.Header
	body    string
	length  int64
	trailer http.Header
	failed  bool // there was no answer, or it was not whole
}

func ask(t *testing.T, client *http.Client, base, method string, body io.Reader) seen {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+"/a%2Fb/c?x=1&y=%20", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Many", "1")
	r.Header.Add("X-Many", "2")
	r.Header.Set("User-Agent", "test/1")
	r.Header.Set("Accept-Encoding", "identity")
	answer, err := client.Do(r)
	if err != nil {
		return seen{failed: true}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return seen{failed: true}
	}
	header := answer.Header.Clone()
	header.Del("Date")
	// A server adds it to short answers; as a number it is compared.
	header.Del("Content-Length")
	return seen{answer.StatusCode, header, string(text), answer.ContentLength, answer.Trailer, false}
}

// A handler can do what it likes: its client sees the same as over HTTP/2.
func TestAnswersAreThoseOfHTTP2(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"nothing":        func(http.ResponseWriter, *http.Request) {},
		"a status":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"a body":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello") },
		"an empty write": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) },
		"a type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "a/b")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "{}")
		},
		"a status, then a body": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "not found")
		},
		"a late header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Early", "1")
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X-Late", "1")
			w.Header().Set("X-Early", "2")
		},
		"two statuses": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			w.WriteHeader(http.StatusOK)
		},
		"information first": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
		},
		"no content": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			if _, err := io.WriteString(w, "no"); !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		},
		"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"a length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			_, _ = io.WriteString(w, "abc")
		},
		"too short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4")
			_, _ = io.WriteString(w, "abc")
		},
		"of a connection": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "X-Gone")
			w.Header().Set("Transfer-Encoding", "chunked")
			_, _ = io.WriteString(w, "abc")
		},
		"flushed": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "abc")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "def")
		},
		"much": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 3000 {
				_, _ = w.Write(bytes.Repeat([]byte{byte('a' + i%26)}, 1+i))
			}
		},
		"announced trailers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-A, X-B")
			w.Header().Add("Trailer", "X-Missing")
			_, _ = io.WriteString(w, "abc")
			w.Header().Set("X-A", "1")
			w.Header()["X-B"] = []string{"2", "3"}
		},
		"trailers by prefix": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "abc")
			w.(http.Flusher).Flush()
			w.Header().Set(http.TrailerPrefix+"X-C", "1")
		},
		"a fault before": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a fault after a write": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "abc")
			panic(http.ErrAbortHandler)
		},
		"a fault after a flush": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "abc")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"the request": func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if r.URL.Scheme != "" || r.URL.Host != "" || r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
				panic("it is no server's request")
			}
			fmt.Fprintln(w, r.Method, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RequestURI, r.Proto, r.ContentLength, len(body), err, r.Header["X-Many"], r.UserAgent())
		},
		"unread": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) },
		"echo as it comes": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.Copy(w, r.Body)
		},
	}
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		server := httptest.NewUnstartedServer(handlers[name])
		server.EnableHTTP2 = true
		server.StartTLS()
		_, local := serving(t, handlers[name])
		bodies := map[string]func() io.Reader{
			"none":    func() io.Reader { return nil },
			"known":   func() io.Reader { return strings.NewReader(strings.Repeat("b", 100)) },
			"unknown": func() io.Reader { return io.MultiReader(strings.NewReader("abc"), strings.NewReader("def")) },
		}
		for _, body := range slices.Sorted(maps.Keys(bodies)) {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
				got := ask(t, local, Host, method, bodies[body]())
				want := ask(t, server.Client(), server.URL, method, bodies[body]())
				if method == http.MethodHead {
					got.length, want.length = 0, 0 // a server counts what it does not send, if it is short
				}
				if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
					t.Errorf("%s, %s with body %s:\n got %.500s\nwant %.500s", name, method, body, g, w)
				}
			}
		}
		server.Close()
	}
}

// A handler that writes more than it has declared gets the error of HTTP/1.1: HTTP/2 finds out
// later, or not at all.
func TestTooLongAnAnswer(t *testing.T) {
	_, client := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		_, _ = io.WriteString(w, "abc")
		if _, err := io.WriteString(w, "d"); !errors.Is(err, http.ErrContentLength) {
			t.Errorf("the handler got %v", err)
		}
	})
	if got := ask(t, client, Host, http.MethodGet, nil); got.body != "abc" || got.failed {
		t.Errorf("got %+v", got)
	}
}

// A body of another length than the request says is an error for the handler.
func TestFalseLengths(t *testing.T) {
	_, client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", body, err)
	})
	for _, c := range []struct {
		length int64
		want   string
	}{
		{3, "abc <nil>"},
		{2, "ab " + errLongBody.Error()},
		{4, "abc the request's body is shorter than its ContentLength: unexpected EOF"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, Host, strings.NewReader("abc"))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = c.length
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		if err != nil || string(got) != c.want {
			t.Errorf("ContentLength %d: got %q, %v, want %q", c.length, got, err, c.want)
		}
	}
}

// The caller's request is not changed, whatever the handler does to its own.
func TestTheRequestIsTheCallers(t *testing.T) {
	_, client := serving(t, func(_ http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-One", "2")
		r.Header["X-Two"][0] = "2"
		r.Header.Del("X-Three")
		r.URL.Path = "/other"
		r.Method = "OTHER"
	})
	r, err := http.NewRequestWithContext(context.WithValue(t.Context(), identityKey{}, "x"), http.MethodPut, Host+"/path", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"X-One": {"1"}, "X-Two": {"1"}, "X-Three": {"1"}, "Authorization": {"Bearer x"}}
	before := fmt.Sprint(r.Method, r.URL, r.Header)
	answer, err := client.Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprint(r.Method, r.URL, r.Header); after != before || answer.Request != r {
		t.Errorf("got %s, want %s", after, before)
	}
}
