package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mckinsey/ark-server/internal/connections"
)

// firstRequest is how long a client may take until its first request, TLS included.
const firstRequest = 20 * time.Second

// listen opens the HTTPS port.
func listen(o *options) (*connections.Listener, error) {
	address := net.JoinHostPort(o.bindAddress, strconv.Itoa(o.securePort))
	listener, err := net.Listen(network(o.bindAddress), address)
	switch {
	case err == nil:
		return connections.Limit(listener, o.connectionLimits()), nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--secure-port=%d: another program listens on %s: stop it, or choose another port (0 for any free one)", o.securePort, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("--secure-port=%d: not permitted: choose a port above 1023", o.securePort)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("--bind-address=%s: this machine has no such address: use 127.0.0.1, or 0.0.0.0 for all", o.bindAddress)
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return nil, fmt.Errorf("--bind-address=%s: this machine has no IPv6: use 127.0.0.1, or 0.0.0.0 for all", o.bindAddress)
	}
	return nil, fmt.Errorf("--bind-address=%s, --secure-port=%d: %w", o.bindAddress, o.securePort, err)
}

// network is the one of an IP address. Go would listen on IPv6, too, for 0.0.0.0.
func network(ip string) string {
	if strings.Contains(ip, ":") {
		return "tcp"
	}
	return "tcp4"
}

// spareFiles are left for the database and everything else that is no connection of a client.
const spareFiles = 256

// connectionLimits are those of the flags, and of what files the process may open.
func (o *options) connectionLimits() connections.Limits {
	limits := connections.Limits{Max: o.maxConnections, PerAddress: o.maxConnectionsPerAddress, FirstRequest: firstRequest}
	if files := openFiles(); files > 0 && (limits.Max == 0 || limits.Max > files-spareFiles) {
		limits.Max = max(files-spareFiles, spareFiles)
		slog.Warn("the process may open fewer files than --max-connections asks for: raise its limit (ulimit -n, LimitNOFILE)",
			"files", files, "maxConnections", limits.Max)
	}
	return limits
}
