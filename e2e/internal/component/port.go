package component

import (
	"fmt"
	"net"
)

// FreePort finds a loopback TCP port that is free now, for the few programs that cannot take port 0
// or must come back on the same port after a restart. Another process may take it first; the
// program then fails to start.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
