package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
)

// openStore opens one of several stores on a database in memory.
func openStore(t testing.TB, d *memengine.Database) *mvcc.Store {
	t.Helper()
	s, err := mvcc.Open(t.Context(), d.Replica(nil), mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// quiet logs nothing that a test provokes.
var quiet = slog.New(slog.DiscardHandler)

// join adds a replica to those of a database. It leaves at the end of the test.
func join(t testing.TB, d *memengine.Database, change ...func(*Options)) *Group {
	t.Helper()
	return joinOn(t, openStore(t, d), change...)
}

func joinOn(t testing.TB, store Store, change ...func(*Options)) *Group {
	t.Helper()
	o := Options{Store: store, Listener: listen(t, "127.0.0.1:0"), Log: quiet, Calls: calls, Streams: streams}
	for _, c := range change {
		c(&o)
	}
	g, err := Join(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// calls and streams are what the replicas of tests handle.
var (
	calls = map[string]Handler{
		"echo": func(_ context.Context, from Member, request []byte) ([]byte, error) {
			return []byte(from.ID + " " + string(request)), nil
		},
		"fail":  func(context.Context, Member, []byte) ([]byte, error) { return nil, errors.New("no such query") },
		"panic": func(context.Context, Member, []byte) ([]byte, error) { panic("at the disco") },
		"large": func(context.Context, Member, []byte) ([]byte, error) { return make([]byte, MaxMessage+1), nil },
		"wait": func(ctx context.Context, _ Member, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		},
	}
	streams = map[string]StreamHandler{
		// count sends the numbers of chunks that the request says, each preceded by the request.
		"count": func(_ context.Context, _ Member, request []byte, send func([]byte) error) error {
			n := int(request[0])
			for i := range n {
				if err := send(append(slices.Clone(request), byte(i))); err != nil {
					return err
				}
			}
			return nil
		},
		"fail": func(_ context.Context, _ Member, _ []byte, send func([]byte) error) error {
			if err := send([]byte("one")); err != nil {
				return err
			}
			return errors.New("the model has gone")
		},
		"panic": func(context.Context, Member, []byte, func([]byte) error) error { panic("at the disco") },
		// forever sends a chunk every 50 ms.
		"forever": func(ctx context.Context, _ Member, _ []byte, send func([]byte) error) error {
			for {
				if err := send([]byte("tick")); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-time.After(50 * time.Millisecond):
				}
			}
		},
	}
)

// sees waits until a replica sees so many others.
func sees(t testing.TB, g *Group, n int) []Member {
	t.Helper()
	deadline := time.After(3 * Notice)
	for {
		changed := g.Changed()
		if others := g.Others(); len(others) == n {
			return others
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d other replicas are seen, want %d", len(g.Others()), n)
		}
	}
}

func self(t testing.TB, g *Group) Member {
	t.Helper()
	m, ok := g.Self()
	if !ok {
		t.Fatal("the replica takes no part")
	}
	return m
}

func TestCalls(t *testing.T) {
	d := memengine.New(memengine.Options{})
	a, b := join(t, d), join(t, d)
	sees(t, a, 1)
	sees(t, b, 1)
	for _, c := range []struct{ from, to *Group }{{a, b}, {b, a}} {
		answer, err := c.from.Call(t.Context(), self(t, c.to), "echo", []byte("hello"))
		if want := self(t, c.from).ID + " hello"; err != nil || string(answer) != want {
			t.Errorf("got %q, %v, want %q", answer, err, want)
		}
	}
	to := self(t, b)
	for _, c := range []struct {
		method string
		want   error
		text   string
	}{
		{"fail", nil, "no such query"},
		{"panic", nil, "the handler of panic panicked"},
		{"large", nil, ErrTooLarge.Error()},
		{"nothing", ErrUnknownMethod, to.Address},
	} {
		_, err := a.Call(t.Context(), to, c.method, nil)
		var remote *RemoteError
		var of *Error
		if !errors.As(err, &of) || of.Member != to || !strings.Contains(err.Error(), c.text) || c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &remote) {
			t.Errorf("%s: %v", c.method, err)
		}
	}
	if _, err := a.Call(t.Context(), to, "echo", make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a request that is too large: %v", err)
	}
	stranger := to
	stranger.ID = newID()
	if _, err := a.Call(t.Context(), stranger, "echo", nil); !errors.Is(err, ErrGone) {
		t.Errorf("a call of a member that is not there: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := a.Call(ctx, to, "wait", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call whose time is over: %v", err)
	}
}

// A replica that leaves ends what it does for others, and is gone for them at once.
func TestLeaving(t *testing.T) {
	d := memengine.New(memengine.Options{})
	a := join(t, d)
	b := joinOn(t, openStore(t, d))
	sees(t, a, 1)
	to := self(t, b)
	s, err := a.Open(t.Context(), to, "forever", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	waiting := make(chan error, 1)
	go func() {
		_, err := a.Call(t.Context(), to, "wait", nil)
		waiting <- err
	}()
	if _, err := s.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	for err == nil {
		_, err = s.Recv()
	}
	if errors.Is(err, io.EOF) {
		t.Error("a stream that was not complete ended as if it were")
	}
	if err := <-waiting; err == nil {
		t.Error("a call that was not answered succeeded")
	}
	sees(t, a, 0)
	if _, err := a.Call(t.Context(), to, "echo", nil); !errors.Is(err, ErrGone) {
		t.Errorf("a call after it has left: %v", err)
	}
	if _, err := b.Call(t.Context(), self(t, a), "echo", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call of one that has left: %v", err)
	}
}

// A replica without a listener is alone.
func TestAlone(t *testing.T) {
	g, err := Join(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := g.Self(); ok || len(g.Others()) > 0 {
		t.Error("it is not alone")
	}
	if _, err := g.Call(t.Context(), Member{ID: "x"}, "echo", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// Another process at the address of a member is not taken for it.
func TestSameAddress(t *testing.T) {
	d := memengine.New(memengine.Options{})
	a, store := join(t, d), openStore(t, d)
	first := listen(t, "127.0.0.1:0")
	address := first.Addr().String()
	b := joinOn(t, store, func(o *Options) { o.Listener = first })
	sees(t, a, 1)
	old := self(t, b)
	if _, err := a.Call(t.Context(), old, "echo", nil); err != nil {
		t.Fatal(err)
	}
	// It dies, so its lease stays for a while.
	b.stop()
	b.running.Add(1) // Close waits for it
	if err := b.server.Close(); err != nil {
		t.Fatal(err)
	}
	b.running.Done()
	c := joinOn(t, store, func(o *Options) { o.Listener = listen(t, address) })
	if _, err := a.Call(t.Context(), old, "echo", nil); err == nil {
		t.Error("a call of the dead one was answered")
	}
	var answer []byte
	var err error
	for range 50 {
		if answer, err = a.Call(t.Context(), self(t, c), "echo", []byte("new")); !errors.Is(err, ErrGone) {
			break
		}
		time.Sleep(100 * time.Millisecond) // until it is seen
	}
	if err != nil || !strings.HasSuffix(string(answer), " new") {
		t.Errorf("a call of the new one: %q, %v", answer, err)
	}
	sees(t, a, 1) // the dead one's lease ends
}
