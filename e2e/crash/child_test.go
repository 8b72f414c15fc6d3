package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	writers = 32
	// keysOfWriter is small enough that keys are created, changed and deleted many times.
	keysOfWriter = 8
)

// everything spans all keys.
func everything() mvcc.Span { return mvcc.Span{Key: []byte{0}, End: []byte{0}} }

func open(ctx context.Context, place engine.Place) (*mvcc.Store, error) {
	e, err := place.Open(ctx, slog.Default())
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return mvcc.Open(ctx, e, mvcc.Options{})
}

// child writes until it is killed. It reports on its standard output, one unbuffered line at a
// time: a write whose line the parent does not receive was not acknowledged to any client.
func child(place engine.Place) error {
	ctx := context.Background()
	store, err := open(ctx, place)
	if err != nil {
		return err
	}
	start := store.Revision()
	failed := make(chan error, writers+sideWriters+2)
	report("%s %d", kindReady, start)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() { failed <- write(ctx, store, w) })
	}
	for w := range sideWriters {
		wg.Go(func() { failed <- writeSide(ctx, store.Side(), w) })
	}
	wg.Go(func() { failed <- watch(ctx, store, start) })
	// The parent watches from start on, so everything up to it may be compacted away.
	if err := store.Compact(ctx, start, false); err == nil {
		report("%s %d", kindCompacted, start)
	} else if !errors.Is(err, mvcc.ErrCompacted) {
		failed <- fmt.Errorf("compact: %w", err)
	}
	return <-failed // None of the above ends but by failing.
}

func report(format string, args ...any) {
	// One write call of less than a page is atomic on a pipe. The parent is there as long as this
	// process is.
	_, _ = os.Stdout.Write(fmt.Appendf(nil, format+"\n", args...))
}

// write changes the writer's own keys, one transaction after the other, each with the compare that
// an API server would send.
func write(ctx context.Context, store *mvcc.Store, w int) error {
	lease, err := store.LeaseGrant(ctx, 0, 3600)
	if err != nil {
		return fmt.Errorf("grant a lease: %w", err)
	}
	report("%s %d", kindLease, lease.ID)
	var known [keysOfWriter]int64
	for k := range known {
		r, err := store.Range(ctx, &mvcc.Range{Span: mvcc.Span{Key: key(w, k)}})
		if err != nil {
			return fmt.Errorf("read a key: %w", err)
		}
		if len(r.KVs) == 1 {
			known[k] = r.KVs[0].ModRevision
		}
	}
	for {
		k := rand.IntN(keysOfWriter)
		name := key(w, k)
		txn := &mvcc.Txn{Compares: []mvcc.Compare{{Span: mvcc.Span{Key: name}, Target: mvcc.CompareMod, Result: mvcc.Equal, Int: known[k]}}}
		value := ""
		if known[k] != 0 && rand.IntN(4) == 0 {
			txn.Then = []mvcc.Op{&mvcc.Delete{Span: mvcc.Span{Key: name}}}
		} else {
			value = fmt.Sprintf("%d-%d-%x", w, k, rand.Uint64())
			put := &mvcc.Put{Key: name, Value: []byte(value)}
			if rand.IntN(2) == 0 {
				put.Lease = lease.ID
			}
			txn.Then = []mvcc.Op{put}
		}
		r, err := store.Txn(ctx, txn, mvcc.Actor{User: "crash"})
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if !r.Succeeded {
			return fmt.Errorf("write %s: its revision is not %d, though nobody else writes it", name, known[k])
		}
		report("%s %d %s %s", kindWrote, r.Revision, name, value)
		known[k] = r.Revision
		if value == "" {
			known[k] = 0
		}
	}
}

func key(w, k int) []byte { return fmt.Appendf(nil, "/crash/%02d/%d", w, k) }

// watch reports the latest revision that it has received: a visible revision must never be undone.
func watch(ctx context.Context, store *mvcc.Store, start int64) error {
	watcher := store.Watch(everything(), start+1)
	for {
		changed := store.Changed()
		r, err := watcher.Poll(ctx, 1<<20)
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		if n := len(r.Events); n > 0 {
			report("%s %d", kindSaw, r.Events[n-1].KV.ModRevision)
		}
		if r.Synced {
			<-changed
		}
	}
}
