package stream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// followRoom is how many bytes of chunks from other replicas wait for a reader. The replicas wait
// beyond that, and keep what is bounded there.
const followRoom = 256 << 10

// followWait bounds how long a reader who begins with what comes next waits for the other replicas
// to know it.
const followWait = 3 * time.Second

// followAgain is when a replica without the stream is asked again after its connection broke.
const followAgain = time.Second

// following is what a reader gets from other replicas. The broker's mutex guards what is not said
// to be otherwise.
type following struct {
	broker  *Broker
	stream  *state
	stop    context.CancelFunc // safe for concurrent use
	running sync.WaitGroup     // the same

	chunks [][]byte
	bytes  int
	begun  bool
	end    *End
	room   chan struct{} // closed when chunks have been taken
}

// follow begins to get what other replicas have for a reader. The caller does not hold mu.
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
		return // nothing can be missed
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

// receive takes what one replica sends, for as long as it is one. It calls reached once the replica
// knows of the reader, or cannot be asked at the moment.
func (f *following) receive(ctx context.Context, id string, asked elsewhere, reached func()) {
	reached = sync.OnceFunc(reached)
	for {
		ended, connected := f.receiveOnce(ctx, id, asked, reached)
		reached()
		if ended {
			return
		}
		// There was nothing of the stream: what there is next is new from its beginning.
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

// receiveOnce is receive for one connection. ended says that there is no need for another one.
func (f *following) receiveOnce(ctx context.Context, id string, asked elsewhere, reached func()) (ended, connected bool) {
	in, err := f.broker.replicas.Open(ctx, id, asked.encoded())
	if err != nil {
		return false, false
	}
	defer in.Close()
	held := false // connected says that the replica has known of the reader
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

// put adds a chunk once there is room, and reports whether the reader is still there.
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

// finish says that the stream has ended at another replica.
func (f *following) finish(why error) {
	f.broker.mu.Lock()
	defer f.broker.mu.Unlock()
	if f.end == nil {
		f.end, f.begun = &End{why}, true
		f.stream.wake()
	}
}

// take returns what has come. The caller holds mu.
func (f *following) take() ([][]byte, *End) {
	chunks := f.chunks
	if len(chunks) > 0 {
		f.chunks, f.bytes = nil, 0
		close(f.room)
		f.room = make(chan struct{})
	}
	return chunks, f.end
}

// close ends it. The caller does not hold mu.
func (f *following) close() {
	f.stop()
	f.running.Wait()
}
