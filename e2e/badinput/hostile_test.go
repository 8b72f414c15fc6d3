package badinput

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// hostile is a client that knows the protocol and no manners.
type hostile struct {
	t       *testing.T
	server  *component.ArkServer
	address string
}

func newHostile(t *testing.T, args ...string) *hostile {
	t.Helper()
	server := start(t, component.ArkOptions{Dir: t.TempDir(), Args: args})
	at, err := url.Parse(server.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	return &hostile{t, server, at.Host}
}

func (h *hostile) dial() net.Conn {
	h.t.Helper()
	c, err := net.Dial("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	return c
}

// tls is a connection that a client of that protocol has made; it does not check who the server is.
func (h *hostile) tls(protocol string) *tls.Conn {
	h.t.Helper()
	c := tls.Client(h.dial(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
	if err := c.Handshake(); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// metric reads one value of the server's metrics.
func (h *hostile) metric(name string) int {
	h.t.Helper()
	text, err := clientOf(h.t, h.server).Get().AbsPath("/metrics").DoRaw(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		h.t.Fatalf("there is no metric %s", name)
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		h.t.Fatal(err)
	}
	return int(v)
}

// hungUp is how long a server may take to hang up; it would wait for ever without a bound.
const hungUp = 90 * time.Second

// endsSoon fails the test unless the server hangs up while the client sends a byte now and then.
func endsSoon(t *testing.T, name string, c net.Conn, drip string) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, c)
		ended <- err
	}()
	deadline := time.After(hungUp)
	for {
		select {
		case <-ended:
			return
		case <-deadline:
			t.Errorf("%s: the server still holds the connection after %s", name, hungUp)
			return
		case <-time.After(time.Second):
			_, _ = io.WriteString(c, drip) // it fails when the server has hung up
		}
	}
}

// TestSlowClients: nobody holds a connection by being slow.
func TestSlowClients(t *testing.T) {
	h := newHostile(t)
	const queries = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
	admin := "Authorization: Bearer " + h.server.Config.BearerToken + "\r\n"
	head := func(method, path, more string) string {
		return method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + more + "\r\n"
	}
	slow := "Content-Length: 100000\r\n"
	var all sync.WaitGroup
	for name, request := range map[string]struct {
		text string
		code string
	}{
		"anonymous, 403":      {head("POST", queries, slow), "403"},
		"a wrong token, 401":  {head("POST", queries, slow+"Authorization: Bearer wrong\r\n"), "401"},
		"no such path, 404":   {head("POST", "/nowhere", slow+admin), "404"},
		"no such method, 405": {head("PUT", queries, slow+admin), "405"},
		"too large, 413":      {head("POST", queries, "Content-Length: 100000000\r\n"+admin), "413"},
		"a probe, 200":        {head("GET", "/livez", slow), "200"},
		"in chunks, 403":      {head("POST", queries, "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n", "403"},
		"half a chunk, 401":   {head("POST", queries, "Transfer-Encoding: chunked\r\nAuthorization: Bearer wrong\r\n") + "ffff\r\nhello", "401"},
	} {
		c := h.tls("http/1.1")
		if _, err := io.WriteString(c, request.text); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			in := bufio.NewReader(c)
			status, err := in.ReadString('\n')
			if err != nil || !strings.Contains(status, " "+request.code+" ") {
				t.Errorf("%s: answered %q, %v", name, status, err)
			}
			endsSoon(t, name, c, "x")
		})
	}
	for name, c := range map[string]net.Conn{"no handshake": h.dial(), "half a handshake": h.dial(), "no header": h.tls("http/1.1"), "half a header": h.tls("http/1.1"), "HTTP/2 and silence": h.tls("h2")} {
		drip := ""
		switch name {
		case "half a handshake":
			_, _ = c.Write([]byte{22, 3, 1, 2, 0}) // the head of a record of 512 bytes
			drip = "x"
		case "half a header":
			_, _ = io.WriteString(c, "GET /livez HTTP/1.1\r\nX: ")
			drip = "x"
		case "HTTP/2 and silence":
			_, _ = io.WriteString(c, http2.ClientPreface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		}
		all.Go(func() { endsSoon(t, name, c, drip) })
	}
	all.Wait()
	if n := h.metric(`ark_http_refused_total{reason="silent"}`); n < 4 {
		t.Errorf("%d silent connections are counted, want 4 and more", n)
	}
	if n := h.metric(`ark_http_connections{state="unproven"}`); n > 1 {
		t.Errorf("%d connections of nobody are left", n)
	}
}

// TestManyConnections: connections of nobody give way to others; a user's are left alone.
func TestManyConnections(t *testing.T) {
	const bound, tries = 20, 60
	h := newHostile(t, fmt.Sprintf("--max-connections-per-address=%d", bound))
	user := clientOf(t, h.server)
	ask := func(when string) {
		t.Helper()
		if _, err := user.Get().AbsPath("/version").DoRaw(t.Context()); err != nil {
			t.Errorf("%s, a user is told: %v", when, err)
		}
	}
	ask("before")
	var open []net.Conn
	for range tries {
		c := h.tls("http/1.1")
		if _, err := io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		ask("meanwhile")
	}
	// A client that has no connection yet gets one.
	other := rest.CopyConfig(h.server.Config)
	other.Dial = (&net.Dialer{}).DialContext
	fresh, err := component.RawClient(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Get().AbsPath("/version").DoRaw(t.Context()); err != nil {
		t.Errorf("a further user is told: %v", err)
	}
	if n := h.metric(`ark_http_refused_total{reason="address"}`); n < tries-bound {
		t.Errorf("%d connections are counted as closed, want %d and more", n, tries-bound)
	}
	if n := h.metric(`ark_http_connections{state="unproven"}`); n > bound {
		t.Errorf("%d connections of nobody are open, want %d at most", n, bound)
	}
	gone := 0
	for _, c := range open {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
			gone++
		}
	}
	if gone < tries-bound {
		t.Errorf("%d of %d connections have ended, want %d", gone, tries, tries-bound)
	}
}

// TestTotalConnections: at the bound of all connections a user still gets in where nobody is in the
// way.
func TestTotalConnections(t *testing.T) {
	const bound = 100
	h := newHostile(t, fmt.Sprintf("--max-connections=%d", bound), "--max-connections-per-address=0")
	for range 3 * bound {
		h.dial()
	}
	user := clientOf(t, h.server)
	if _, err := user.Get().AbsPath("/version").DoRaw(t.Context()); err != nil {
		t.Errorf("a user is told: %v", err)
	}
	if n := h.metric(`ark_http_refused_total{reason="total"}`); n < bound {
		t.Errorf("%d connections are counted as closed, want %d and more", n, bound)
	}
}

// TestRapidResets: streams that are reset as soon as they have begun cost the server no memory.
func TestRapidResets(t *testing.T) {
	h := newHostile(t)
	before, err := h.server.Memory()
	if err != nil {
		t.Fatal(err)
	}
	const connections, resets = 8, 20_000
	var all sync.WaitGroup
	for range connections {
		c := h.tls("h2")
		all.Go(func() { reset(t, c, resets) })
	}
	all.Wait()
	after, err := h.server.Memory()
	if err != nil {
		t.Fatal(err)
	}
	if grown := (after.Peak - before.RSS) >> 20; grown > 400 {
		t.Errorf("%d resets have grown the server by %d MiB", connections*resets, grown)
	}
	if _, err := clientOf(t, h.server).Get().AbsPath("/version").DoRaw(t.Context()); err != nil {
		t.Errorf("a user is told: %v", err)
	}
}

// reset begins requests and resets each, until the server has had enough, and checks how many it
// says to take.
func reset(t *testing.T, c net.Conn, n int) {
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Error(err)
		return
	}
	framer := http2.NewFramer(c, bufio.NewReader(c))
	if err := framer.WriteSettings(); err != nil {
		t.Error(err)
		return
	}
	settings, err := framer.ReadFrame()
	if s, ok := settings.(*http2.SettingsFrame); err != nil || !ok {
		t.Errorf("the first frame is %v, %v", settings, err)
		return
	} else if streams, _ := s.Value(http2.SettingMaxConcurrentStreams); streams != 100 {
		t.Errorf("the server takes %d streams on a connection, want 100", streams)
	}
	go func() { _, _ = io.Copy(io.Discard, c) }()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := range n {
		block.Reset()
		for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "x"}, {Name: ":path", Value: "/version"}} {
			_ = encoder.WriteField(f) // to a buffer, which does not fail
		}
		id := uint32(2*i + 1)
		if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}) != nil ||
			framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			return // the server has hung up, which is as good
		}
	}
}

// TestBindAddress: 0.0.0.0 is IPv4 alone, :: is both.
func TestBindAddress(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Fatalf("this machine has no IPv6 on loopback, which the test needs: %v", err)
	}
	_ = six.Close()
	for address, onSix := range map[string]bool{"0.0.0.0": false, "::": true, "127.0.0.1": false} {
		h := newHostile(t, "--bind-address="+address)
		_, port, err := net.SplitHostPort(h.address)
		if err != nil {
			t.Fatal(err)
		}
		for host, want := range map[string]bool{"127.0.0.1": true, "::1": onSix} {
			c, err := net.Dial("tcp", net.JoinHostPort(host, port))
			if (err == nil) != want {
				t.Errorf("--bind-address=%s: a connection to %s: %v", address, host, err)
			}
			if err == nil {
				_ = c.Close()
			}
		}
	}
}
