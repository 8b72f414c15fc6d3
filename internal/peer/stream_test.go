package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
)

// forward reads a stream of count and reports whether it was complete. What it got must be right.
func forward(ctx context.Context, g *Group, to Member, id uint32, chunks int, pause time.Duration) (complete bool, err error) {
	request := binary.BigEndian.AppendUint32([]byte{byte(chunks)}, id)
	s, err := g.Open(ctx, to, "count", request)
	if err != nil {
		return false, nil //nolint:nilerr // an error is an answer: nothing was received
	}
	defer s.Close()
	for i := 0; ; i++ {
		chunk, err := s.Recv()
		switch {
		case errors.Is(err, io.EOF) && i == chunks:
			return true, nil
		case errors.Is(err, io.EOF):
			return false, fmt.Errorf("stream %d ended with %d chunks of %d as if it were complete", id, i, chunks)
		case err != nil:
			return false, nil
		case !bytes.Equal(chunk, append(request, byte(i))):
			return false, fmt.Errorf("stream %d: chunk %d is %x", id, i, chunk)
		}
		time.Sleep(pause)
	}
}

// Thousands of streams between three replicas: of each every chunk comes once and in order, whether
// they are read slowly or fast.
func TestThousandsOfStreams(t *testing.T) {
	d := memengine.New(memengine.Options{})
	groups := []*Group{join(t, d), join(t, d), join(t, d)}
	for _, g := range groups {
		sees(t, g, 2)
	}
	const atOnce = 400
	var next, complete atomic.Uint32
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for id := next.Add(1); id <= total; id = next.Add(1) {
				from := groups[rand.IntN(len(groups))]
				others := from.Others()
				pause := time.Duration(0)
				if id%100 == 0 {
					pause = time.Millisecond
				}
				ok, err := forward(t.Context(), from, others[rand.IntN(len(others))], id, rand.IntN(30), pause)
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
	if n := complete.Load(); n != total {
		t.Errorf("%d streams of %d were complete, though nothing had failed", n, total)
	}
}

// A stream that is not read makes its sender wait, and no other stream.
func TestBackPressure(t *testing.T) {
	d := memengine.New(memengine.Options{})
	var sent atomic.Int64
	ended := make(chan error, 1)
	flood := map[string]StreamHandler{
		"count": streams["count"],
		"flood": func(_ context.Context, _ Member, _ []byte, send func([]byte) error) (err error) {
			defer func() { ended <- err }()
			chunk := make([]byte, 16<<10)
			for {
				if err := send(chunk); err != nil {
					return err
				}
				sent.Add(int64(len(chunk)))
			}
		},
	}
	a, b := join(t, d), join(t, d, func(o *Options) { o.Streams = flood })
	sees(t, a, 1)
	to := self(t, b)
	s, err := a.Open(t.Context(), to, "flood", nil)
	if err != nil {
		t.Fatal(err)
	}
	// It stops to send, and stays so beyond the time of the pings.
	time.Sleep(pingAfter + pingTime + time.Second)
	before := sent.Load()
	if before > 4<<20 {
		t.Errorf("%d KiB were sent that nobody reads", before>>10)
	}
	for id := range uint32(100) {
		if ok, err := forward(t.Context(), a, to, id, 20, 0); !ok || err != nil {
			t.Fatalf("a stream beside one that is not read: %t, %v", ok, err)
		}
	}
	if now := sent.Load(); now != before {
		t.Errorf("%d bytes more were sent", now-before)
	}
	for range 2 * before / (16 << 10) {
		if _, err := s.Recv(); err != nil {
			t.Fatalf("the stream, read after a while: %v", err)
		}
	}
	s.Close()
	if err := <-ended; err == nil {
		t.Error("the sender was not told that nobody reads")
	}
}

func TestStreamErrors(t *testing.T) {
	d := memengine.New(memengine.Options{})
	a, b := join(t, d), join(t, d)
	sees(t, a, 1)
	for method, want := range map[string]string{"fail": "the model has gone", "panic": "the handler of panic panicked"} {
		s, err := a.Open(t.Context(), self(t, b), method, nil)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = s.Recv()
		}
		var remote *RemoteError
		if !errors.As(err, &remote) || remote.Message != want {
			t.Errorf("%s: %v", method, err)
		}
		if _, again := s.Recv(); again == nil || errors.Is(again, io.EOF) {
			t.Errorf("%s: a stream that has failed goes on: %v", method, again)
		}
		s.Close()
	}
	if _, err := a.Open(t.Context(), self(t, b), "nothing", nil); !errors.Is(err, ErrUnknownMethod) {
		t.Errorf("an unknown method: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := a.Open(ctx, self(t, b), "forever", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cancel()
	for err == nil {
		_, err = s.Recv()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a stream whose context has ended: %v", err)
	}
}

// FuzzFrames: whatever comes over the wire, a stream is complete only if it is.
func FuzzFrames(f *testing.F) {
	end := appendFrame(nil, frameEnd, binary.BigEndian.AppendUint64(nil, 1))
	f.Add(append(appendFrame(nil, frameChunk, []byte("a")), end...))
	f.Add(end)
	f.Add(appendFrame(nil, frameError, []byte("why")))
	f.Add([]byte{frameChunk, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := frames{r: bytes.NewReader(data)}
		var again []byte
		var err error
		for {
			var chunk []byte
			if chunk, err = in.next(); err != nil {
				break
			}
			again = appendFrame(again, frameChunk, chunk)
		}
		again = appendFrame(again, frameEnd, binary.BigEndian.AppendUint64(nil, in.chunks))
		if errors.Is(err, io.EOF) && !bytes.HasPrefix(data, again) {
			t.Errorf("%x was taken for a complete stream", data)
		}
	})
}
