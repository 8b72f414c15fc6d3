package stream

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// clock is a time that tests control.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newBroker(limits Limits) (*Broker, *clock) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	return New(limits, c.now), c
}

var generous = Limits{PerStream: 1 << 20, Total: 1 << 22, Streams: 100, Keep: time.Minute}

func write(t *testing.T, b *Broker, key Key, uid string, chunks ...string) *Writer {
	t.Helper()
	w, err := b.Write(key, uid)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chunks {
		if err := w.Append([]byte(c)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func read(t *testing.T, b *Broker, key Key, uid string, fromBeginning bool) *Reader {
	t.Helper()
	r, err := b.Read(key, uid, fromBeginning)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func take(r *Reader) (string, *End) {
	chunks, end, _ := r.Take()
	texts := make([]string, len(chunks))
	for i, c := range chunks {
		texts[i] = string(c)
	}
	return strings.Join(texts, " "), end
}

func TestReaders(t *testing.T) {
	b, _ := newBroker(generous)
	key := Key{"a", "q"}
	early := read(t, b, key, "u", true)
	if _, end, changed := early.Take(); end != nil || changed == nil {
		t.Fatal("a stream that has not begun has ended")
	}
	w := write(t, b, key, "u", "1", "2")
	late, live := read(t, b, key, "u", true), read(t, b, key, "u", false)
	other := read(t, b, Key{"b", "q"}, "u", true)
	if err := w.Append([]byte("3")); err != nil {
		t.Fatal(err)
	}
	w.Close(nil)
	for name, want := range map[*Reader]string{early: "1 2 3", late: "1 2 3", live: "3", other: ""} {
		if got, end := take(name); got != want || end != nil {
			t.Errorf("got %q, %v, want %q", got, end, want)
		}
	}
	if known, already := b.Complete(key); !known || already {
		t.Error("the stream could not be completed")
	}
	if known, already := b.Complete(key); !known || !already {
		t.Error("the stream could be completed twice")
	}
	if known, _ := b.Complete(Key{"b", "q"}); known {
		t.Error("a stream without chunks was completed")
	}
	for _, r := range []*Reader{early, late, live} {
		if got, end := take(r); got != "" || end == nil || end.Err != nil {
			t.Errorf("got %q, %v, want the end", got, end)
		}
	}
	// A query that continues also continues its stream.
	write(t, b, key, "u", "4")
	if got, end := take(read(t, b, key, "u", true)); got != "1 2 3 4" || end != nil {
		t.Errorf("got %q, %v", got, end)
	}
}

// A reader is woken when what it waits for happens.
func TestWake(t *testing.T) {
	b, _ := newBroker(generous)
	key := Key{"a", "q"}
	r := read(t, b, key, "", true)
	_, _, changed := r.Take()
	w := write(t, b, key, "u", "1")
	<-changed
	if got, _ := take(r); got != "1" {
		t.Errorf("got %q", got)
	}
	_, _, changed = r.Take()
	w.Close(ErrWriterGone)
	<-changed
	if _, end := take(r); end == nil || !errors.Is(end.Err, ErrWriterGone) {
		t.Errorf("got %v", end)
	}
}

// The stream of a recreated query is a new one.
func TestMadeAgain(t *testing.T) {
	b, _ := newBroker(generous)
	key := Key{"a", "q"}
	w := write(t, b, key, "old", "1")
	r := read(t, b, key, "old", true)
	if got, _ := take(read(t, b, key, "new", true)); got != "" {
		t.Errorf("the new query has the chunks %q of the old one", got)
	}
	if _, end := take(r); end == nil || !errors.Is(end.Err, ErrDeleted) {
		t.Errorf("got %v", end)
	}
	if err := w.Append([]byte("2")); !errors.Is(err, ErrDeleted) {
		t.Errorf("got %v", err)
	}
}

// The bounds hold, and readers that miss chunks get an error.
func TestBounds(t *testing.T) {
	chunk := strings.Repeat("x", 1000-chunkOverhead)
	b, _ := newBroker(Limits{PerStream: 10_000, Total: 25_000, Streams: 100, Keep: time.Minute})
	key := Key{"a", "q"}
	w := write(t, b, key, "u")
	slow, quick := read(t, b, key, "u", true), read(t, b, key, "u", true)
	for i := range 100 {
		if err := w.Append([]byte(chunk)); err != nil {
			t.Fatal(err)
		}
		if got, end := take(quick); len(got) != len(chunk) || end != nil {
			t.Fatalf("chunk %d: got %d bytes, %v", i, len(got), end)
		}
	}
	if got := b.Stats().Bytes; got != 10_000 {
		t.Errorf("a stream takes %d bytes", got)
	}
	if _, end := take(slow); end == nil || !errors.Is(end.Err, ErrOverrun) {
		t.Errorf("got %v", end)
	}
	for i := range 10 {
		one := write(t, b, Key{"a", fmt.Sprint("other-", i)}, "u")
		for range 10 {
			if err := one.Append([]byte(chunk)); err != nil {
				t.Fatal(err)
			}
			if got := b.Stats().Bytes; got > 25_000 {
				t.Fatalf("all take %d bytes", got)
			}
		}
		one.Close(nil)
		b.Complete(Key{"a", fmt.Sprint("other-", i)})
	}
	if err := w.Append([]byte(strings.Repeat("x", 20_000))); err != nil {
		t.Fatal(err)
	}
	if _, end := take(quick); end == nil || !errors.Is(end.Err, ErrOverrun) {
		t.Errorf("a chunk that is too large was left out in silence: %v", end)
	}
	if got := b.Stats(); got.Bytes < 0 || got.Bytes > 25_000 {
		t.Errorf("all take %d bytes", got.Bytes)
	}
}

func TestTooMany(t *testing.T) {
	b, _ := newBroker(Limits{PerStream: 1000, Total: 10_000, Streams: 2, Keep: time.Minute})
	write(t, b, Key{"a", "1"}, "u", "x").Close(nil)
	b.Complete(Key{"a", "1"})
	write(t, b, Key{"a", "2"}, "u", "x")
	write(t, b, Key{"a", "3"}, "u", "x") // replaces the stream that has ended
	if _, err := b.Write(Key{"a", "4"}, "u"); !errors.Is(err, ErrTooMany) {
		t.Errorf("got %v", err)
	}
}

func TestSweep(t *testing.T) {
	b, c := newBroker(generous)
	write(t, b, Key{"a", "old"}, "u", "x").Close(nil)
	writing := write(t, b, Key{"a", "writing"}, "u", "x")
	write(t, b, Key{"a", "read"}, "u", "x").Close(nil)
	r := read(t, b, Key{"a", "read"}, "u", true)
	c.at = c.at.Add(30 * time.Second)
	if got := b.Sweep(10 * time.Second); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	write(t, b, Key{"a", "new"}, "u", "x").Close(nil)
	c.at = c.at.Add(45 * time.Second)
	got := b.Sweep(time.Hour)
	if len(got) != 0 || b.Stats().Streams != 3 {
		t.Errorf("got %v, %d streams", got, b.Stats().Streams)
	}
	writing.Close(nil)
	b.End(Key{"a", "read"})
	if got, end := take(r); got != "x" || end == nil || end.Err != nil {
		t.Errorf("got %q, %v", got, end)
	}
	r.Close()
	b.Close()
	if _, err := b.Write(Key{"a", "late"}, "u"); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if got := b.Stats(); got.Bytes != 0 || got.Streams != 0 {
		t.Errorf("a closed broker has %+v", got)
	}
}

// All streams of a namespace can be read at once, live.
func TestNamespace(t *testing.T) {
	b, _ := newBroker(generous)
	write(t, b, Key{"a", "1"}, "u", "before")
	all := read(t, b, Key{Namespace: "a"}, "", false)
	write(t, b, Key{"a", "1"}, "u", "one")
	write(t, b, Key{"a", "2"}, "u", "two")
	write(t, b, Key{"b", "1"}, "u", "other")
	if got, end := take(all); got != "one two" || end != nil {
		t.Errorf("got %q, %v", got, end)
	}
	all.Close()
	if _, there := b.streams[Key{Namespace: "a"}]; there {
		t.Error("what nobody reads is kept")
	}
}

func TestSplit(t *testing.T) {
	chunk := `{"choices":[{"delta":{"content":"abcdé","role":"assistant"},"finish_reason":"stop","index":0}],"id":"x"}`
	var got []string
	for _, part := range split([]byte(chunk), 2) {
		got = append(got, string(part))
	}
	want := []string{
		`{"choices":[{"delta":{"content":"ab","role":"assistant"},"finish_reason":null,"index":0}],"id":"x"}`,
		`{"choices":[{"delta":{"content":"cd","role":"assistant"},"finish_reason":null,"index":0}],"id":"x"}`,
		`{"choices":[{"delta":{"content":"é","role":"assistant"},"finish_reason":"stop","index":0}],"id":"x"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	for _, whole := range []string{chunk, "[]", `{"error":{}}`} {
		if parts := split([]byte(whole), 500); len(parts) != 1 || string(parts[0]) != whole {
			t.Errorf("%s became %q", whole, parts)
		}
	}
}

func TestPlaces(t *testing.T) {
	for host, want := range map[string]string{
		"ark-broker.team-a": "team-a", "ark-broker.team-a.svc.cluster.local:8080": "team-a", "ark-broker.team-a.svc": "team-a",
		"127.0.0.1:8080": "", "localhost:8080": "", "a.example.com.org": "", "[::1]:80": "",
	} {
		got, ok := PlaceOfHost(host, "/stream/q")
		if got.Namespace != want || ok != (want != "") || ok && got.Rest != "stream/q" {
			t.Errorf("%s: got %+v, %v", host, got, ok)
		}
	}
	if got, ok := PlaceOf("/namespaces/a/stream/q/complete"); !ok || got != (Place{"a", "stream/q/complete"}) {
		t.Errorf("got %+v, %v", got, ok)
	}
}
