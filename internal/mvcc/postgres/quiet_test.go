package postgres

import (
	"net"
	"testing"
	"time"
)

// TestQuiet: a look at a connection tells silence from data and from its end, and
// waits for nobody, not even another reader.
func TestQuiet(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	dial := func() (client, server net.Conn) {
		t.Helper()
		client, err := net.Dial("tcp", lis.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		if server, err = lis.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		return client, server
	}
	client, server := dial()
	if !quiet(client) {
		t.Error("an open connection is taken to be broken")
	}
	if _, err := server.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "data is seen", func() bool { return !quiet(client) })
	if n, err := client.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("%d, %v: the look took the data away", n, err)
	}
	server.Close()
	eventually(t, "the end is seen", func() bool { return !quiet(client) })

	client, _ = dial()
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = client.Read(make([]byte, 1))
	}()
	time.Sleep(50 * time.Millisecond) // until it waits
	looked := make(chan bool, 1)
	go func() { looked <- quiet(client) }()
	select {
	case ok := <-looked:
		if !ok {
			t.Error("an open connection is taken to be broken")
		}
	case <-time.After(time.Minute):
		t.Error("the look waits for the other reader")
	}
	client.Close()
	<-read
}
