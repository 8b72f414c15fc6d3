package rules

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// URLPolicy says which base URLs models may have. The zero value allows every
// HTTP and HTTPS URL.
type URLPolicy struct {
	// HTTPSOnly refuses http, except at Services of the cluster.
	HTTPSOnly bool
	// DenyPrivate refuses hosts that are loopback, private or link-local IP
	// addresses, and localhost, unless one of PrivateRanges holds them.
	DenyPrivate   bool
	PrivateRanges []netip.Prefix
	// Domains are the only hosts allowed, unless empty: a name, which allows
	// its sub-domains too, or a pattern with one * for any text, such as
	// *.example.com.
	Domains []string
}

// clusterSuffix ends the names of Services, which few reach by https.
const clusterSuffix = ".svc.cluster.local"

// Check returns what is wrong with a base URL, or "".
func (p URLPolicy) Check(text string) string {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme == "" || u.Hostname() == "" {
		return "must be a URL with scheme and host, such as https://api.example.com/v1"
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	switch scheme := strings.ToLower(u.Scheme); {
	case scheme != "http" && scheme != "https":
		return fmt.Sprintf("must not have the scheme %q: use https", u.Scheme)
	case scheme == "http" && p.HTTPSOnly && !strings.HasSuffix(host, clusterSuffix):
		return "must have the scheme https: this server refuses http for models, except at hosts that end in " + clusterSuffix
	}
	if p.DenyPrivate && p.isPrivate(host) {
		return "must not be at a loopback, private or link-local address: this server allows only listed ranges of these for models"
	}
	if len(p.Domains) > 0 && !slices.ContainsFunc(p.Domains, func(domain string) bool { return inDomain(host, domain) }) {
		return "must be at one of the domains that this server allows for models: " + strings.Join(p.Domains, ", ")
	}
	return ""
}

func (p URLPolicy) isPrivate(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	address = address.Unmap().WithZone("")
	private := address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast() || address.IsUnspecified()
	return private && !slices.ContainsFunc(p.PrivateRanges, func(r netip.Prefix) bool { return r.Contains(address) })
}

func inDomain(host, domain string) bool {
	domain = strings.ToLower(strings.TrimSpace(domain))
	before, after, pattern := strings.Cut(domain, "*")
	if pattern {
		return len(host) > len(before)+len(after) && strings.HasPrefix(host, before) && strings.HasSuffix(host, after)
	}
	return host == domain || strings.HasSuffix(host, "."+domain)
}
