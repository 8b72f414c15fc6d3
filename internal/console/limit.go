package console

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// wrongTokens is how many wrong tokens an address (IPv6: /64 network) may try at once, and
	// wrongEvery the interval for further ones.
	wrongTokens = 10
	wrongEvery  = 6 * time.Second
	// maxAddresses bounds the addresses that are stored. Beyond it, all new ones are counted as one.
	maxAddresses = 10_000
)

// limit counts wrong tokens by address. Its zero value with a clock is ready to use; it is safe for
// concurrent use.
type limit struct {
	now func() time.Time
	mu  sync.Mutex
	// full is when an address will have all its attempts again.
	full map[netip.Addr]time.Time
}

// of returns the address or network that is counted as one.
func (*limit) of(remote string) netip.Addr {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	address := at.Addr().Unmap().WithZone("")
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return address
}

// wait returns how long an address must wait before its next attempt; 0 for no wait.
func (l *limit) wait(remote string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	full, counted := l.full[l.slot(l.of(remote))]
	if !counted {
		return 0
	}
	return max(0, full.Sub(now)-(wrongTokens-1)*wrongEvery)
}

// count counts a wrong token.
func (l *limit) count(remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.full == nil {
		l.full = map[netip.Addr]time.Time{}
	}
	if len(l.full) >= maxAddresses {
		for address, full := range l.full {
			if !full.After(now) {
				delete(l.full, address)
			}
		}
	}
	at := l.slot(l.of(remote))
	full := l.full[at]
	if full.Before(now) {
		full = now
	}
	l.full[at] = full.Add(wrongEvery)
}

// slot returns the address under which an address is counted.
func (l *limit) slot(address netip.Addr) netip.Addr {
	if _, known := l.full[address]; known || len(l.full) < maxAddresses {
		return address
	}
	return netip.Addr{}
}
