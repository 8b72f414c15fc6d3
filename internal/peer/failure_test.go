package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// childVariable makes the test binary a replica on the database that it describes.
const childVariable = "ARK_TEST_PEER"

var server sqltest.Postgres

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := child(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	server.Stop()
	os.Exit(code)
}

// child is a replica until standard input ends. It prints its member.
func child(text string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var cfg database.Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	engine, err := postgres.Open(ctx, cfg, postgres.Options{})
	if err != nil {
		return err
	}
	store, err := mvcc.Open(ctx, engine, mvcc.Options{})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g, err := Join(ctx, Options{Store: store, Listener: listener, Calls: calls, Streams: streams})
	if err != nil {
		return err
	}
	member, _ := g.Self()
	fmt.Println(member.ID)
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, g.Close(), store.Close())
}

// startChild returns a replica in a process of its own.
func startChild(t *testing.T, cfg database.Config) (process *os.Process, id string) {
	t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = in.Close()
		_ = cmd.Wait() // a test may have killed it
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the replica did not start: %v", lines.Err())
	}
	return cmd.Process, lines.Text()
}

// noticed returns how long it takes until everybody who waits for a member has an error, and it is
// none any more.
func noticed(t *testing.T, g *Group, to Member, fail func()) time.Duration {
	t.Helper()
	var waiting sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 4*Notice)
	defer cancel()
	began := make(chan time.Time, 1)
	for range 5 {
		s, err := g.Open(ctx, to, "forever", nil)
		if err != nil {
			t.Fatal(err)
		}
		waiting.Go(func() {
			defer s.Close()
			var err error
			for err == nil {
				_, err = s.Recv()
			}
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				t.Errorf("a stream of a replica that has failed: %v", err)
			}
		})
		waiting.Go(func() {
			if _, err := g.Call(ctx, to, "wait", nil); err == nil || ctx.Err() != nil {
				t.Errorf("a call of a replica that has failed: %v", err)
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	fail()
	began <- time.Now()
	waiting.Wait()
	if _, err := g.Call(ctx, to, "wait", nil); err == nil || ctx.Err() != nil {
		t.Errorf("a new call: %v", err)
	}
	for _, still := g.find(func(m Member) bool { return m.ID == to.ID }); still; _, still = g.find(func(m Member) bool { return m.ID == to.ID }) {
		if ctx.Err() != nil {
			t.Fatal("it is still a member")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(<-began)
}

// Replicas that are frozen or killed, on a real database.
func TestProcesses(t *testing.T) {
	cfg := server.Database(t)
	engine, err := postgres.Open(t.Context(), cfg, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(t.Context(), engine, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	frozen, frozenID := startChild(t, cfg)
	killed, killedID := startChild(t, cfg)
	_, restID := startChild(t, cfg)
	g := joinOn(t, store)
	sees(t, g, 3)
	of := func(id string) Member {
		m, ok := g.find(func(m Member) bool { return m.ID == id })
		if !ok {
			t.Fatalf("replica %s is not seen", id)
		}
		return m
	}
	for _, c := range []struct {
		name string
		to   Member
		fail func() error
	}{
		{"frozen", of(frozenID), func() error { return frozen.Signal(syscall.SIGSTOP) }},
		{"killed", of(killedID), func() error { return killed.Kill() }},
	} {
		took := noticed(t, g, c.to, func() {
			if err := c.fail(); err != nil {
				t.Error(err)
			}
		})
		t.Logf("%s: noticed by everybody after %s", c.name, took.Round(10*time.Millisecond))
		if took > Notice+5*time.Second { // of a busy machine
			t.Errorf("%s: noticed after %s, want %s", c.name, took, Notice)
		}
	}
	if _, err := g.Call(t.Context(), of(restID), "echo", nil); err != nil {
		t.Errorf("a call of the third: %v", err)
	}
	// Awake again, it knows that it was taken for dead, and joins under a new ID.
	if err := frozen.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, m := range sees(t, g, 2) {
		if m.ID == frozenID {
			t.Error("a replica that was taken for dead is the same again")
		}
		if _, err := g.Call(t.Context(), m, "echo", nil); err != nil {
			t.Errorf("a call of it: %v", err)
		}
	}
}

// wire leads to a replica, and fails as networks do.
type wire struct {
	listener net.Listener
	to       string
	swallow  atomic.Bool
	mu       sync.Mutex
	conns    []net.Conn
	running  sync.WaitGroup
}

// newWire returns one that leads to a listener.
func newWire(t *testing.T, to net.Listener) *wire {
	t.Helper()
	w := &wire{listener: listen(t, "127.0.0.1:0"), to: to.Addr().String()}
	w.running.Go(w.serve)
	t.Cleanup(func() {
		_ = w.listener.Close()
		w.cut()
		w.running.Wait()
	})
	return w
}

func (w *wire) serve() {
	for {
		a, err := w.listener.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = a.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, a, b)
		w.mu.Unlock()
		w.running.Go(func() { w.copy(a, b) })
		w.running.Go(func() { w.copy(b, a) })
	}
}

func (w *wire) copy(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if w.swallow.Load() {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// Connections that swallow what is sent are noticed as those that are cut.
func TestSwallowed(t *testing.T) {
	d := memengine.New(memengine.Options{})
	var w *wire
	a := join(t, d)
	b := join(t, d, func(o *Options) { w = newWire(t, o.Listener); o.Address = w.listener.Addr().String() })
	sees(t, a, 1)
	to := self(t, b)
	s, err := a.Open(t.Context(), to, "forever", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w.swallow.Store(true)
	begin := time.Now()
	for err == nil {
		_, err = s.Recv()
	}
	took := time.Since(begin)
	t.Logf("noticed after %s: %v", took.Round(10*time.Millisecond), err)
	if errors.Is(err, io.EOF) || took > Notice+5*time.Second {
		t.Errorf("noticed after %s: %v", took, err)
	}
	begin = time.Now()
	if _, err := a.Call(t.Context(), to, "echo", nil); err == nil || time.Since(begin) > Notice+5*time.Second {
		t.Errorf("a new call, after %s: %v", time.Since(begin), err)
	}
	w.swallow.Store(false)
	w.cut()
	if _, err := a.Call(t.Context(), to, "echo", nil); err != nil {
		t.Errorf("a call once the network works again: %v", err)
	}
}

// Thousands of streams over a network that is cut again and again: each is complete, or an error.
func TestStreamsUnderCuts(t *testing.T) {
	d := memengine.New(memengine.Options{})
	var groups []*Group
	var wires []*wire
	for range 3 {
		groups = append(groups, join(t, d, func(o *Options) {
			w := newWire(t, o.Listener)
			wires, o.Address = append(wires, w), w.listener.Addr().String()
		}))
	}
	for _, g := range groups {
		sees(t, g, 2)
	}
	ctx, done := context.WithCancel(t.Context())
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
			wires[rand.IntN(len(wires))].cut()
		}
	})
	const atOnce = 200
	var next, complete atomic.Uint32
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for id := next.Add(1); id <= total; id = next.Add(1) {
				from := groups[rand.IntN(len(groups))]
				others := from.Others()
				ok, err := forward(t.Context(), from, others[rand.IntN(len(others))], id, rand.IntN(50), 0)
				if err != nil {
					t.Error(err)
				}
				if ok {
					complete.Add(1)
				}
			}
		})
	}
	workers.Wait()
	done()
	cutting.Wait()
	t.Logf("%d of %d streams were complete, the others failed", complete.Load(), total)
	if n := complete.Load(); n == 0 || n == total {
		t.Errorf("%d streams of %d were complete: the network was not what this test needs", n, total)
	}
}
