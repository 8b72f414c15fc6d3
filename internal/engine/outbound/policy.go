package outbound

import (
	"fmt"
	"net/netip"
	"slices"
)

// Policy determines which addresses may be reached. The zero value allows public and private
// addresses, and refuses loopback. It is immutable.
type Policy struct {
	// Loopback allows the addresses of this machine.
	Loopback bool
	// DenyPrivate refuses addresses of private networks.
	DenyPrivate bool
	// Allowed prefixes may be reached regardless of the other fields.
	Allowed []netip.Prefix
	// CheckURL returns why a URL is refused, or ""; nil for no further rule. It is called for the
	// first request and for every redirect.
	CheckURL func(url string) string
}

// RefusedError reports that the policy refuses an address. It contains no URL.
type RefusedError struct {
	Address netip.Addr
	Kind    string // of address, such as "loopback"
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused to connect to the %s address %s: list it in --engine-allowed-addresses if it may be reached", e.Kind, e.Address)
}

// metadataIPv6 is the address of one cloud's metadata service outside the link-local range.
var metadataIPv6 = netip.MustParseAddr("fd00:ec2::254")

// Check returns a *RefusedError for an address that the policy refuses.
func (p Policy) Check(address netip.Addr) error {
	address = address.Unmap().WithZone("")
	if slices.ContainsFunc(p.Allowed, func(r netip.Prefix) bool { return r.Contains(address) }) {
		return nil
	}
	if kind := p.refuses(address); kind != "" {
		return &RefusedError{Address: address, Kind: kind}
	}
	return nil
}

// refuses returns the kind of an address that is refused, or "".
func (p Policy) refuses(address netip.Addr) string {
	switch {
	case address.IsLinkLocalUnicast(), address == metadataIPv6:
		return "link-local"
	case address.IsMulticast():
		return "multicast"
	case address.IsLoopback(), address.IsUnspecified(): // unspecified means this machine, too
		if !p.Loopback {
			return "loopback"
		}
	case address.IsPrivate():
		if p.DenyPrivate {
			return "private"
		}
	}
	return ""
}
