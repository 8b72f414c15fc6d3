package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// A replica says hello on the channel every helloEvery, from another connection than
// the one that listens, which tells the others that
// somebody listens, and itself that notifications arrive: behind a
// pooler that changes servers between transactions they do not. After
// helloLost without its own hello it takes that for granted.
const (
	helloEvery = 5 * time.Second
	helloLost  = 3 * helloEvery
)

// The pauses between two looks at the database: where notifications arrive, and
// where they do not, from the first for a busy log to the second for an idle one.
const (
	pauseTold  = time.Second
	pauseBusy  = 10 * time.Millisecond
	pauseQuiet = 50 * time.Millisecond
)

// listener hears of the commits of other replicas, on a connection of its own.
type listener struct {
	server
	log     *slog.Logger
	speaker *pgxpool.Pool // says hello, from another connection
	channel string
	payload string // of this replica's batches

	woken chan struct{} // holds a token when another replica has committed
	// When this replica's hello, and another one's, was heard last; Unix
	// nanoseconds.
	own, other atomic.Int64

	cancel context.CancelFunc
	ended  chan struct{}
}

func startListener(s server, log *slog.Logger, speaker *pgxpool.Pool, channel string, replica int64) *listener {
	ctx, cancel := context.WithCancel(context.Background())
	l := &listener{
		server: s, log: log, speaker: speaker, channel: channel, payload: strconv.FormatInt(replica, 36),
		woken: make(chan struct{}, 1), cancel: cancel, ended: make(chan struct{}),
	}
	go func() {
		defer close(l.ended)
		l.run(ctx)
	}()
	return l
}

func (l *listener) stop() {
	l.cancel()
	<-l.ended
}

// hears says that notifications arrive.
func (l *listener) hears() bool { return recent(l.own.Load()) }

// wanted says that a batch should be told of: somebody listens, or this
// replica does not know.
func (l *listener) wanted() bool { return recent(l.other.Load()) || !l.hears() }

func recent(at int64) bool { return time.Since(time.Unix(0, at)) < helloLost }

func (l *listener) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// run listens, and connects again when that ends, until ctx does.
func (l *listener) run(ctx context.Context) {
	warned := false
	for ctx.Err() == nil {
		heard, err := l.listen(ctx)
		l.own.Store(0)
		if ctx.Err() != nil {
			return
		}
		if heard {
			warned = false
		}
		if !warned {
			l.log.Warn("notifications from the database do not arrive: looking for commits of other replicas often instead", "err", err)
			warned = true
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// listen listens on one connection until it fails or stays silent. It reports
// whether anything has been heard.
func (l *listener) listen(ctx context.Context) (heard bool, err error) {
	conn, err := l.connect(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // the first error says more
	}()
	call, cancel := context.WithTimeout(ctx, l.patience())
	_, err = conn.Exec(call, "LISTEN "+pgx.Identifier{l.channel}.Sanitize())
	cancel()
	if err != nil {
		return false, fmt.Errorf("listen: %w", err)
	}
	l.wake() // something may have been missed
	silent := time.Now()
	hello := time.Time{}
	for {
		if time.Since(hello) >= helloEvery {
			hello = time.Now()
			call, cancel := context.WithTimeout(ctx, l.patience())
			_, err := l.speaker.Exec(call, helloStatement.Text, helloStatement.Args(named.Arg("channel", l.channel), named.Arg("payload", helloPrefix+l.payload))...)
			cancel()
			if err != nil {
				return heard, fmt.Errorf("say hello: %w", err)
			}
		}
		wait, cancel := context.WithDeadline(ctx, hello.Add(helloEvery))
		n, err := conn.WaitForNotification(wait)
		timedOut := wait.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return heard, ctx.Err()
		case err != nil && !timedOut:
			return heard, fmt.Errorf("listen: %w", err)
		case err == nil:
			if l.hear(n.Payload) {
				heard, silent = true, time.Now()
			}
		}
		if time.Since(silent) > helloLost {
			return heard, fmt.Errorf("nothing heard for %s; a transaction pooler passes no notifications on", helloLost)
		}
	}
}

const helloPrefix = "hello "

var helloStatement = named.Dollars("SELECT pg_notify(:channel, :payload)")

// hear takes in a notification, and reports whether it is this replica's hello.
func (l *listener) hear(payload string) bool {
	now := time.Now().UnixNano()
	who, hello := strings.CutPrefix(payload, helloPrefix)
	switch {
	case hello && who == l.payload:
		l.own.Store(now)
		return true
	case hello:
		l.other.Store(now)
	case who != l.payload:
		l.wake()
	}
	return false
}

// Await implements mvcc.Shared.
func (e *Engine) Await(ctx context.Context) {
	pause := pauseTold
	if !e.listener.hears() {
		pause = e.pause.next(e.newest.Load())
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-e.listener.woken:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// polling adapts the pause between two looks to what they find.
type polling struct {
	seen atomic.Int64
	last atomic.Int64
}

func (p *polling) next(newest int64) time.Duration {
	pause := pauseBusy
	if p.seen.Swap(newest) == newest {
		pause = min(2*time.Duration(p.last.Load()), pauseQuiet)
	}
	p.last.Store(int64(max(pause, pauseBusy)))
	return max(pause, pauseBusy)
}
