package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	maxRedirects   = 10
	dialTimeout    = 10 * time.Second
	idleTimeout    = 90 * time.Second
	idlePerHost    = 64
	maxHeaderBytes = 1 << 20
)

// NewClient returns a client that enforces a policy. The client sets no timeout: the context of
// each request bounds it. It is safe for concurrent use; CloseIdleConnections releases its
// connections.
func NewClient(p Policy) *http.Client {
	g := &guard{policy: p}
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: g.control}
	proxied := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		Proxy: g.proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if _, ok := g.proxies.Load(address); ok {
				return proxied.DialContext(ctx, network, address)
			}
			return dialer.DialContext(ctx, network, address)
		},
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		TLSHandshakeTimeout:    dialTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	return &http.Client{Transport: checked{g, transport}, CheckRedirect: checkRedirect}
}

// guard enforces a policy.
type guard struct {
	policy  Policy
	proxies sync.Map // the addresses of proxies that have been used
}

// control is called with the address that a name was resolved to, before the connection is made.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	resolved, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the resolved address: %w", err)
	}
	return g.policy.Check(resolved.Addr())
}

// proxy returns the proxy of the environment. A proxy resolves names itself, so only the URL can be
// checked.
func (g *guard) proxy(r *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(r)
	if proxy == nil || err != nil {
		return nil, err
	}
	if err := g.checkLiteral(r.URL.Hostname()); err != nil {
		return nil, err
	}
	g.proxies.Store(hostPort(proxy), struct{}{})
	return proxy, nil
}

func (g *guard) checkLiteral(host string) error {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return g.policy.Check(address)
	}
	return nil
}

// hostPort returns the address that the transport dials for a proxy.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// checked checks each URL against the policy, redirects included: the client sends every hop
// through it.
type checked struct {
	guard *guard
	next  *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	err := checkScheme(r.URL)
	if err == nil && c.guard.policy.CheckURL != nil {
		if fault := c.guard.policy.CheckURL(r.URL.String()); fault != "" {
			err = fmt.Errorf("the URL %s", fault)
		}
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nothing of the body was sent
		}
		return nil, err
	}
	return c.next.RoundTrip(r)
}

// CloseIdleConnections implements the interface that http.Client.CloseIdleConnections looks for.
func (c checked) CloseIdleConnections() { c.next.CloseIdleConnections() }

func checkScheme(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("the URL has the scheme %q: use http or https", u.Scheme)
	}
	return nil
}

// checkRedirect bounds the number of redirects, and removes the headers from redirects to another
// host.
func checkRedirect(next *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("stopped after %d redirects", maxRedirects)
	}
	first := via[0].URL
	if next.URL.Scheme != first.Scheme && next.URL.Scheme != "https" {
		return errors.New("refused a redirect from https to http")
	}
	if next.URL.Host != first.Host {
		next.Header = http.Header{"User-Agent": via[0].Header["User-Agent"]}
	}
	return nil
}
