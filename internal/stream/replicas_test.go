package stream

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// errCut is the error of a connection that a test breaks.
var errCut = errors.New("the connection broke")

// hall connects brokers without a network.
type hall struct {
	mu      sync.Mutex
	brokers map[string]*Broker
	// gone cancels the connections to a broker.
	gone    map[string]context.CancelCauseFunc
	context map[string]context.Context
	changed chan struct{}
	// held counts how often a replica has learned where a stream is.
	held atomic.Int32
}

func newHall() *hall {
	return &hall{brokers: map[string]*Broker{}, gone: map[string]context.CancelCauseFunc{}, context: map[string]context.Context{}, changed: make(chan struct{})}
}

func (h *hall) change() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// join adds a broker.
func (h *hall) join(id string) *Broker {
	b := New(generous, time.Now)
	b.Connect(door{h, id})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.brokers[id] = b
	h.context[id], h.gone[id] = context.WithCancelCause(context.Background())
	h.change()
	return b
}

// kill removes a broker, as if its process had been killed.
func (h *hall) kill(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone[id](errCut)
	delete(h.brokers, id)
	h.change()
}

// door is one broker's connection to the hall.
type door struct {
	*hall
	self string
}

func (d door) Others() (ids []string, changed <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.brokers {
		if id != d.self {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, d.changed
}

func (d door) find(id string) (*Broker, context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.brokers[id], d.context[id]
}

func (d door) Open(ctx context.Context, id string, request []byte) (Incoming, error) {
	to, alive := d.find(id)
	if to == nil {
		return nil, errCut
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(alive, func() { cancel(context.Cause(alive)) })
	c := &connection{held: &d.held, ctx: ctx, cancel: cancel, messages: make(chan []byte), ended: make(chan error, 1)}
	go func() {
		defer stop()
		c.ended <- to.Serve(ctx, request, func(m []byte) error {
			select {
			case c.messages <- slices.Clone(m):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	return c, nil
}

func (d door) Call(_ context.Context, id string, request []byte) ([]byte, error) {
	to, _ := d.find(id)
	if to == nil {
		return nil, errCut
	}
	return to.Answer(request)
}

type connection struct {
	held     *atomic.Int32
	ctx      context.Context
	cancel   context.CancelCauseFunc
	messages chan []byte
	ended    chan error
}

func (c *connection) Recv() ([]byte, error) {
	select {
	case m := <-c.messages:
		if m[0] == messageHeld {
			c.held.Add(1)
		}
		return m, nil
	case err := <-c.ended:
		if err == nil {
			err = io.EOF
		}
		return nil, err
	case <-c.ctx.Done():
		return nil, context.Cause(c.ctx)
	}
}

func (c *connection) Close() { c.cancel(nil) }

// until waits for a condition.
func until(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to that")
		}
	}
}

// await reads until the text is there or the stream has ended.
func await(t *testing.T, r *Reader, want string) *End {
	t.Helper()
	var got []string
	late := time.After(20 * time.Second)
	for {
		chunks, end, changed := r.Take()
		for _, c := range chunks {
			got = append(got, string(c))
		}
		text := strings.Join(got, " ")
		if end != nil || text == want && want != "" {
			if text != want {
				t.Fatalf("got %q, want %q", text, want)
			}
			return end
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("got %q, want %q", text, want)
		}
	}
}

// TestElsewhere reads a stream at a replica other than the writer's, from the beginning and live,
// whether the reader or the writer starts first.
func TestElsewhere(t *testing.T) {
	h := newHall()
	a, b := h.join("a"), h.join("b")
	key := Key{"ns", "q"}
	early := read(t, b, key, "u", false)
	defer early.Close()
	w := write(t, a, key, "u", "1", "2")
	if end := await(t, early, "1 2"); end != nil {
		t.Fatalf("ended: %v", end.Err)
	}
	late := read(t, b, key, "u", true)
	defer late.Close()
	here := read(t, a, key, "u", true)
	defer here.Close()
	await(t, late, "1 2")
	// A replica that joins later can read and write, too.
	c := h.join("c")
	third := read(t, c, key, "u", true)
	defer third.Close()
	await(t, third, "1 2")
	all := read(t, c, Key{Namespace: "ns"}, "", false)
	defer all.Close()
	if err := w.Append([]byte("3")); err != nil {
		t.Fatal(err)
	}
	await(t, all, "3")
	w.Close(nil)
	// The engine's second request reaches another replica.
	if known, already := b.CompleteAnywhere(t.Context(), key); !known || already {
		t.Errorf("complete elsewhere: %t, %t", known, already)
	}
	if known, already := c.CompleteAnywhere(t.Context(), key); !known || !already {
		t.Errorf("complete again: %t, %t", known, already)
	}
	if known, _ := b.CompleteAnywhere(t.Context(), Key{"ns", "none"}); known {
		t.Error("a stream that is nowhere was completed")
	}
	for name, r := range map[string]*Reader{"early": early, "late": late, "third": third} {
		if end := await(t, r, "3"); end == nil {
			if end = await(t, r, ""); end == nil || end.Err != nil {
				t.Errorf("%s: ended with %v", name, end)
			}
		} else if end.Err != nil {
			t.Errorf("%s: ended with %v", name, end.Err)
		}
	}
	if end := await(t, here, "1 2 3"); end == nil {
		await(t, here, "")
	}
}

// TestReplicaGone checks that readers of a stream whose replica is killed get an error, whether
// they have received chunks or not; the other readers continue.
func TestReplicaGone(t *testing.T) {
	h := newHall()
	a, b := h.join("a"), h.join("b")
	key, other := Key{"ns", "q"}, Key{"ns", "other"}
	write(t, a, key, "u", "1")
	begun, live, elsewhere := read(t, b, key, "u", true), read(t, b, key, "u", false), read(t, b, other, "u", true)
	for _, r := range []*Reader{begun, live, elsewhere} {
		defer r.Close()
	}
	await(t, begun, "1")
	until(t, func() bool { return h.held.Load() == 2 })
	h.kill("a")
	for name, r := range map[string]*Reader{"begun": begun, "live": live} {
		if end := await(t, r, ""); !errors.Is(end.Err, ErrReplicaGone) {
			t.Errorf("%s: ended with %v", name, end.Err)
		}
	}
	// The other stream had no writer: it may still begin, here or at a replica that joins.
	c := h.join("c")
	write(t, c, other, "u", "x")
	await(t, elsewhere, "x")
}

// TestSlowElsewhere checks that a reader that does not read buffers followRoom here, and gets an
// error once the writer's replica has dropped chunks that it has not read. The writer never waits.
func TestSlowElsewhere(t *testing.T) {
	h := newHall()
	a, b := h.join("a"), h.join("b")
	a.limits.PerStream = 1 << 20
	key := Key{"ns", "q"}
	r := read(t, b, key, "u", true)
	defer r.Close()
	w := write(t, a, key, "u")
	chunk := []byte(strings.Repeat("x", 16<<10))
	for i := range 256 {
		if err := w.Append(slices.Concat(chunk, []byte(strconv.Itoa(i)))); err != nil {
			t.Fatal(err)
		}
	}
	b.mu.Lock()
	if held := r.elsewhere.bytes; held > followRoom {
		t.Errorf("%d bytes wait for the reader", held)
	}
	b.mu.Unlock()
	for {
		_, end, changed := r.Take()
		if end != nil {
			if !errors.Is(end.Err, ErrOverrun) {
				t.Errorf("ended with %v", end.Err)
			}
			break
		}
		<-changed
	}
}
