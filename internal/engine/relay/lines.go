package relay

import (
	"errors"
	"io"
	"sync"

	"github.com/mckinsey/ark-server/internal/engine"
)

// maxBacklog is the most bytes of a stream that wait for the broker.
const maxBacklog = 4 << 20

var (
	errUnfinished = errors.New("the query has not ended here")
	errBacklog    = errors.New("the broker is too slow for the stream")
)

// lines are the chunks of one run, which an HTTP client reads as the body of a request. One
// goroutine writes, and one reads.
type lines struct {
	mu   sync.Mutex
	more *sync.Cond
	// waiting are lines that have not been read yet.
	waiting []byte
	// over is how the body ends once waiting is empty: nil while it has not ended.
	over error
	// dropped is true once the reader has closed.
	dropped bool
}

var (
	_ engine.Stream = (*lines)(nil)
	_ io.ReadCloser = (*lines)(nil)
)

func newLines() *lines {
	l := &lines{}
	l.more = sync.NewCond(&l.mu)
	return l
}

// Chunk implements engine.Stream.
func (l *lines) Chunk(c engine.Chunk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped || l.over != nil {
		return
	}
	if len(l.waiting)+len(c.Data) >= maxBacklog {
		l.waiting, l.over = nil, errBacklog
	} else {
		l.waiting = append(append(l.waiting, c.Data...), '\n')
	}
	l.more.Signal()
}

// End implements engine.Stream.
func (l *lines) End(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over != nil:
	case why == nil || errors.Is(why, engine.ErrPaused):
		l.over = io.EOF
	default:
		l.waiting, l.over = nil, errUnfinished
	}
	l.more.Signal()
}

// Read implements io.Reader. It waits for the next chunk.
func (l *lines) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) == 0 && l.over == nil && !l.dropped {
		l.more.Wait()
	}
	switch {
	case len(l.waiting) > 0:
		n := copy(p, l.waiting)
		l.waiting = l.waiting[n:]
		if len(l.waiting) == 0 {
			l.waiting = nil // the next ones are stored in a new array
		}
		return n, nil
	case l.over != nil:
		return 0, l.over
	default:
		return 0, errUnfinished
	}
}

// Close implements io.Closer: it discards waiting and future lines. The HTTP client closes the body
// of a request that was answered before its end, which ends a Read that waits.
func (l *lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped, l.waiting = true, nil
	l.more.Signal()
	return nil
}
