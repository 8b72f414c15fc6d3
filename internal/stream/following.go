package stream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// followRoom is the most bytes of chunks from other replicas that are buffered for a reader. Beyond
// that the other replicas wait, and keep the chunks within their own bounds.
const followRoom = 256 << 10

// followWait bounds how long a reader that starts with the next chunk waits until the other
// replicas have registered it.
const followWait = 3 * time.Second

// followAgain is the delay before a replica without the stream is asked again after its connection
// broke.
const followAgain = time.Second

// following has the chunks that a reader receives from other replicas. The broker's mutex guards it
// except where stated otherwise.
type following struct {
	broker  *Broker
	stream  *state
	stop    context.CancelFunc // safe for concurrent use
	running sync.WaitGroup     // safe for concurrent use

	chunks [][]byte
	bytes  int
	begun  bool
	end    *End
	room   chan struct{} // closed when chunks have been read
}

// follow starts to fetch a reader's chunks from other replicas. The caller does not hold mu.
func (b *Broker) follow(r *Reader, asked elsewhere) {
	ctx, stop := context.WithCancel(context.Background())
	f := &following{broker: b, stream: r.stream, stop: stop, room: make(chan struct{})}
	r.elsewhere = f
	ids, changed := b.replicas.Others()
	reached := make(chan struct{}, len(ids))
	for _, id := range ids {
		f.running.Go(func() { f.receive(ctx, id, asked, func() { reached <- struct{}{} }) })
	}
	f.running.Go(func() {
		for known := ids; ; {
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
			var now []string
			now, changed = b.replicas.Others()
			for _, id := range now {
				if !slices.Contains(known, id) {
					f.running.Go(func() { f.receive(ctx, id, asked, func() {}) })
				}
			}
			known = now
		}
	})
	if asked.FromBeginning {
		return // no chunk can be missed
	}
	late := time.After(followWait)
	for range ids {
		select {
		case <-reached:
		case <-late:
			return
		}
	}
}

// receive reads what one replica sends, as long as it is a replica. It calls reached once the
// replica has registered the reader, or if it cannot be reached now.
func (f *following) receive(ctx context.Context, id string, asked elsewhere, reached func()) {
	reached = sync.OnceFunc(reached)
	for {
		ended, connected := f.receiveOnce(ctx, id, asked, reached)
		reached()
		if ended {
			return
		}
		// The replica had no chunks of the stream, so the next ones are new from the beginning.
		asked.FromBeginning = asked.FromBeginning || connected
		select {
		case <-time.After(followAgain):
		case <-ctx.Done():
			return
		}
		if ids, _ := f.broker.replicas.Others(); !slices.Contains(ids, id) {
			return
		}
	}
}

// receiveOnce is receive for one connection. ended is true if no further connection is needed.
func (f *following) receiveOnce(ctx context.Context, id string, asked elsewhere, reached func()) (ended, connected bool) {
	in, err := f.broker.replicas.Open(ctx, id, asked.encoded())
	if err != nil {
		return false, false
	}
	defer in.Close()
	held := false // connected is true if the replica has registered the reader
	for {
		message, err := in.Recv()
		switch {
		case err != nil || len(message) == 0:
			if held && ctx.Err() == nil {
				f.finish(ErrReplicaGone)
			}
			return held, connected
		case message[0] == messageReading:
			connected = true
			reached()
		case message[0] == messageHeld:
			held = true
		case message[0] == messageChunk:
			if !f.put(ctx, message[1:]) {
				return true, true
			}
		case message[0] == messageEnd:
			why := errorOf(string(message[1:]))
			if held || !errors.Is(why, ErrDeleted) && !errors.Is(why, ErrClosed) {
				f.finish(why)
				return true, true
			}
			return false, connected
		}
	}
}

// put adds a chunk once there is room, and reports whether the reader is still open.
func (f *following) put(ctx context.Context, chunk []byte) bool {
	b := f.broker
	for {
		b.mu.Lock()
		if f.bytes == 0 || f.bytes+len(chunk) <= followRoom {
			f.chunks, f.begun = append(f.chunks, chunk), true
			f.bytes += len(chunk)
			f.stream.wake()
			b.mu.Unlock()
			return true
		}
		room := f.room
		b.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return false
		}
	}
}

// finish records that the stream has ended at another replica.
func (f *following) finish(why error) {
	f.broker.mu.Lock()
	defer f.broker.mu.Unlock()
	if f.end == nil {
		f.end, f.begun = &End{why}, true
		f.stream.wake()
	}
}

// take returns the received chunks. The caller holds mu.
func (f *following) take() ([][]byte, *End) {
	chunks := f.chunks
	if len(chunks) > 0 {
		f.chunks, f.bytes = nil, 0
		close(f.room)
		f.room = make(chan struct{})
	}
	return chunks, f.end
}

// close stops the receivers. The caller does not hold mu.
func (f *following) close() {
	f.stop()
	f.running.Wait()
}
