package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// atHome reports whether a request was sent to a name of the server. It prevents DNS rebinding:
// pages under a foreign name that points to the server's address are refused.
func (c *Console) atHome(r *http.Request) bool {
	name := hostname(r.Host)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name != "" && c.options.Names(name)
}

// hostname returns the name in a Host header, in lower case and without its port and final dot.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// foreign reports whether a page of another origin sent a request.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return true
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return false
	}
	if len(origins) > 1 {
		return true
	}
	origin, err := url.Parse(origins[0])
	return err != nil || !strings.EqualFold(origin.Host, r.Host)
}

// quoted returns a name from a client in quotes, for a message.
func quoted(host string) string {
	const most = 100
	if len(host) > most {
		host = host[:most] + "..."
	}
	return strconv.QuoteToASCII(host)
}
