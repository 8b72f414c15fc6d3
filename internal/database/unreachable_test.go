package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestUnreachable: whatever the drivers wrap around it, the message is one short line with the
// cause and what to look at.
func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	_, refused := net.Dial("tcp", address)
	_, missing := net.Dial("unix", t.TempDir()+"/none")
	for _, c := range []struct {
		err  error
		want string
	}{
		{refused, "port " + address[len("127.0.0.1:"):] + ": connection refused: is it running?"},
		{errors.Join(fmt.Errorf("try 1:\n\t%w", refused), fmt.Errorf("try 2:\n\t%w", refused)), "connection refused: is it running?"},
		{missing, "no such file or directory: is it running?"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "db.invalid", Err: "no such host"}}, "no such host db.invalid: is the name right?"},
		{fmt.Errorf("connect: %w", context.DeadlineExceeded), "no answer in time: is it running?"},
		{errors.New("password\nrefused"), "password\nrefused"},
	} {
		got := Unreachable(c.err)
		if !strings.Contains(got.Error(), c.want) {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
		if got != c.err && (strings.Contains(got.Error(), "\n") || len(got.Error()) > 60) {
			t.Errorf("%q is no short line", got)
		}
		if !errors.Is(got, c.err) {
			t.Errorf("%q does not wrap its cause", got)
		}
	}
	if Unreachable(nil) != nil {
		t.Error("no error became one")
	}
}
