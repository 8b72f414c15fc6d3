package main

import (
	"log/slog"
	"time"

	"github.com/mckinsey/ark-server/internal/connections"
)

// firstRequest is how long a client may take until its first request, TLS included.
const firstRequest = 20 * time.Second

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
