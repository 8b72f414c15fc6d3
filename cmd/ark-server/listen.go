package main

import (
	"log/slog"
	"time"

	"github.com/mckinsey/ark-server/internal/connections"
)

// firstRequest is the time limit for the first request on a connection, TLS handshake included.
const firstRequest = 20 * time.Second

// spareFiles is the number of file descriptors that are reserved for the database and everything
// else that is not a client connection.
const spareFiles = 256

// connectionLimits returns the limits from the flags and from the number of files that the process
// may open.
func (o *options) connectionLimits() connections.Limits {
	limits := connections.Limits{Max: o.maxConnections, PerAddress: o.maxConnectionsPerAddress, FirstRequest: firstRequest}
	if files := openFiles(); files > 0 && (limits.Max == 0 || limits.Max > files-spareFiles) {
		limits.Max = max(files-spareFiles, spareFiles)
		slog.Warn("the process may open fewer files than --max-connections asks for: raise its limit (ulimit -n, LimitNOFILE)",
			"files", files, "maxConnections", limits.Max)
	}
	return limits
}
