package connections

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// server serves a handler on a bounded listener, over TLS with HTTP/2, and counts on the
// path /user for a user and on /proxy for the front proxy.
func server(t *testing.T, limits Limits) (*Listener, *httptest.Server) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := Of(r.Context())
		if c == nil {
			t.Error("the request has no connection")
			return
		}
		c.Begin()
		defer c.End()
		switch r.URL.Path {
		case "/user":
			c.Prove()
		case "/proxy":
			c.Exempt()
		}
		if c.Surplus() {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	l := Limit(s.Listener, limits)
	s.Listener, s.EnableHTTP2 = l, true
	s.StartTLS()
	t.Cleanup(s.Close)
	return l, s
}

// connect makes a connection of its own and a request on it, and returns what came back.
func connect(t *testing.T, s *httptest.Server, path string) (net.Conn, *http.Response, error) {
	t.Helper()
	var made net.Conn
	transport := s.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		made = c
		return c, err
	}
	t.Cleanup(transport.CloseIdleConnections)
	response, err := (&http.Client{Transport: transport}).Get(s.URL + path)
	if err == nil {
		response.Body.Close()
	}
	return made, response, err
}

func TestOldestOfNobodyGivesWay(t *testing.T) {
	l, s := server(t, Limits{PerAddress: 3})
	for _, path := range []string{"/user", "/user", "/proxy"} {
		if _, _, err := connect(t, s, path); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		if _, _, err := connect(t, s, "/"); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := connect(t, s, "/user"); err != nil {
		t.Fatalf("a user is refused: %v", err)
	}
	got := l.Stats()
	if got.Unproven > 3 || got.Proven != 3 || got.Exempt != 1 || got.Refused[TooManyOfAddress] < 2 {
		t.Errorf("%+v", got)
	}
}

func TestMax(t *testing.T) {
	const most = 4
	l, s := server(t, Limits{Max: most})
	for range most {
		if _, _, err := connect(t, s, "/user"); err != nil {
			t.Fatal(err)
		}
	}
	if _, r, err := connect(t, s, "/user"); err != nil || r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one too many: %v, %v", r, err)
	}
	if _, r, err := connect(t, s, "/proxy"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("the proxy at the bound: %v, %v", r, err)
	}
	if got := l.Stats(); got.Exempt != 1 || got.Refused[TooMany] == 0 {
		t.Errorf("%+v", got)
	}
	// Beyond the reserve nothing is taken in, and a place that becomes free is taken.
	var idle []net.Conn
	for range reserve + 10 {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		idle = append(idle, c)
	}
	if got := l.Stats(); got.Unproven+got.Proven > most+reserve {
		t.Errorf("%+v", got)
	}
	for _, c := range idle {
		_ = c.Close()
	}
	eventually(t, "the closed ones are forgotten", func() bool { return l.Stats().Unproven <= 1 })
}

func TestSilence(t *testing.T) {
	l, s := server(t, Limits{FirstRequest: 50 * time.Millisecond})
	for _, start := range []func(net.Conn) error{
		func(net.Conn) error { return nil },
		func(c net.Conn) error {
			return tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake()
		},
	} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = start(c) // on a slow machine the server may have hung up already
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, c); err != nil && isTimeout(err) {
			t.Error("the server still waits for a request")
		}
	}
	if got := l.Stats(); got.Refused[TooSlow] != 2 {
		t.Errorf("%+v", got)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Everything at once, for the race detector; what is left is nothing.
func TestBesidesEachOther(t *testing.T) {
	l, s := server(t, Limits{Max: 8, PerAddress: 4, FirstRequest: time.Minute})
	var all sync.WaitGroup
	for _, path := range []string{"/", "/user", "/proxy"} {
		for range 4 {
			all.Go(func() {
				for range 10 {
					if c, _, _ := connect(t, s, path); c != nil {
						_ = c.Close()
					}
					l.Stats()
				}
			})
		}
	}
	all.Wait()
	eventually(t, "the connections are forgotten", func() bool {
		got := l.Stats()
		return got.Unproven+got.Proven+got.Exempt == 0
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != 0 || len(l.of) != 0 || l.unproven.Len() != 0 {
		t.Errorf("left: %d open, %d addresses, %d unproven", l.open, len(l.of), l.unproven.Len())
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestHostOf(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.7:1": "192.0.2.7", "[2001:db8:1:2:3::4]:1": "2001:db8:1:2::", "[::ffff:192.0.2.7]:1": "192.0.2.7"} {
		a, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostOf(a); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
