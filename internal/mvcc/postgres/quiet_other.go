//go:build !unix

package postgres

import "net"

// quiet cannot tell here, so that idle connections are asked.
func quiet(net.Conn) bool { return false }
