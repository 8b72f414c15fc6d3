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

// publish forwards a port of this machine to one in the container, as "docker run -p" does, and
// returns its address.
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

// dialIn connects in another network namespace. The thread comes back from there: the end of a
// thread would end the processes that it has started, such as a database server of the tests.
func dialIn(network *os.File, address string) (net.Conn, error) {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer own.Close()
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	conn, err := net.Dial("tcp", address)
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(back) // what runs on this thread next would be in the wrong namespace
	}
	runtime.UnlockOSThread()
	return conn, err
}
