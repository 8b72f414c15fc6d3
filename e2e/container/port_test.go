package container

import (
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// publish forwards a port of this machine to one in the container, as "docker run -p" does, and returns its address.
func (c *running) publish(t *testing.T, port int) string {
	t.Helper()
	network, err := os.Open("/proc/" + strconv.Itoa(c.PID()) + "/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			outside, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer outside.Close()
				inside, err := dialIn(network, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
				if err != nil {
					return
				}
				defer inside.Close()
				go func() { _, _ = io.Copy(inside, outside) }()
				_, _ = io.Copy(outside, inside)
			}()
		}
	}()
	return listener.Addr().String()
}

// dialIn connects in another network namespace.
func dialIn(network *os.File, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		// The thread stays in that namespace, and so ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- result{nil, err}
			return
		}
		conn, err := net.Dial("tcp", address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}
