//go:build unix

package postgres

import (
	"net"
	"syscall"
)

// quiet says that an idle connection is open and that the server has said nothing, as
// far as this machine knows: it costs no round trip. A server that ends a session
// says so, or at least closes.
func quiet(conn net.Conn) bool {
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tls.NetConn()
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	// Not raw.Read, which waits for a reader that the driver may have left behind: it
	// reads in the background while a write is slow.
	var peeked error
	err = raw.Control(func(fd uintptr) {
		_, _, peeked = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && (peeked == syscall.EAGAIN || peeked == syscall.EWOULDBLOCK)
}
