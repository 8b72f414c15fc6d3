package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Archive copies versions from the store's log to side tables, in steps, and reads both. One of the
// replicas of a database archives. The rows of a step and the new progress are one append, and no
// revision after that progress is pruned. So an interrupted step leaves nothing behind, and the
// outcome of an uncertain append is determined by reading the state. The append is refused if
// another replica has written a newer state, so steps are serialized across replicas.
type Archive struct {
	store  *mvcc.Store
	side   mvcc.SideTables
	wanted Select
	log    *slog.Logger
	// translate is Options.JSON.
	translate func(Ref, []byte) []byte
	// chains is true if versions become links of the hash chain.
	chains bool

	step     sync.Mutex // held while archiving
	removing sync.Mutex // held while versions are removed
	gate     *Gate
	// known is the newest state that this replica has read or written.
	known atomic.Pointer[progress]
	stats counters
	// stored is the result of the last pass.
	stored atomic.Pointer[map[Resource]Stored]
	// running ends with stop; passes are the goroutines of Keep and Announce.
	running context.Context //nolint:containedctx // it is the archive's life
	stop    context.CancelFunc
	passes  sync.WaitGroup
	closed  chan struct{}

	turnPatience time.Duration
}

// A step starts settle after the first revision that is not archived, or when there are mostBehind
// such revisions. The delay lets several versions of an object share a row, and leaves the
// processors to the writers; until then readers find the versions in the log. A step reads
// readBytes of the log at a time, and rests stepRest times as long as that took. It is canceled
// after stepPatience.
const (
	settle       = 5 * time.Second
	mostBehind   = 8192
	readBytes    = 128 << 10
	stepRest     = 2
	stepPatience = 30 * time.Second
	pollInterval = 500 * time.Millisecond
	retryStep    = 2 * time.Second
)

// Gate prevents the pruning of revisions that are not archived: its Held is the store's
// Options.Held. The zero value prevents all pruning.
type Gate struct{ upTo atomic.Int64 }

// Held returns the revision up to which everything is archived.
func (g *Gate) Held() int64 { return g.upTo.Load() }

// Options configure a history.
type Options struct {
	// Select selects the objects whose history is kept.
	Select Select
	// JSON returns the JSON of a value that is stored in another form, and nil for one that it cannot
	// decode. It is called for values that are not JSON; it may be nil.
	JSON func(Ref, []byte) []byte
	// Chain makes archived versions links of a hash chain.
	Chain bool
	Log   *slog.Logger
}

// Open starts archiving a store that uses the gate. Call Close before closing the store.
func Open(ctx context.Context, store *mvcc.Store, gate *Gate, o Options) (*Archive, error) {
	a := &Archive{store: store, side: store.Side(), gate: gate, wanted: o.Select, translate: o.JSON, log: o.Log, chains: o.Chain, closed: make(chan struct{}), turnPatience: turnPatience}
	a.known.Store(&progress{})
	if _, err := a.load(ctx); err != nil {
		return nil, fmt.Errorf("read how far the history has got: %w", err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.running, a.stop = run, stop
	go func() {
		defer close(a.closed)
		a.run(run)
	}()
	return a, nil
}

// Close stops archiving. Revisions that are only in the log are archived after the next start.
func (a *Archive) Close() error {
	a.stop()
	<-a.closed
	a.passes.Wait()
	return nil
}

func (a *Archive) run(ctx context.Context) {
	var failed bool
	for ctx.Err() == nil {
		changed := a.store.Changed()
		if a.known.Load().UpTo >= a.store.Revision() {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		a.settle(ctx)
		err := a.round(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.stats.failures.Add(1)
			if !failed {
				a.log.Error("the history is not kept up to date; old revisions stay in the log until it is", "error", err)
			}
			failed = true
			_ = wait(ctx, retryStep)
		case failed:
			failed = false
			a.log.Info("the history is kept up to date again")
		}
	}
}

// settle waits until there are enough revisions for a step, or a step is due.
func (a *Archive) settle(ctx context.Context) {
	for begin := time.Now(); time.Since(begin) < settle && a.store.Revision()-a.known.Load().UpTo < mostBehind; {
		if p := a.known.Load(); p.From == 0 || wait(ctx, pollInterval) != nil {
			return
		}
	}
}

// round archives everything that is in the log, if this replica is the one that archives.
func (a *Archive) round(ctx context.Context) error {
	if !a.store.Maintains() {
		return wait(ctx, pollInterval)
	}
	for until := a.store.Revision(); ; {
		begin := time.Now()
		if err := a.advance(ctx); err != nil {
			return err
		}
		if a.known.Load().UpTo >= until {
			return nil
		}
		if err := wait(ctx, max(min(time.Since(begin), settle), time.Millisecond)); err != nil {
			return err
		}
	}
}

var errFull = errors.New("the step is full")

// advance archives the next step. If another replica has advanced the state in the meantime, it
// does nothing.
func (a *Archive) advance(ctx context.Context) error {
	a.step.Lock()
	defer a.step.Unlock()
	err := a.next(ctx)
	if errors.Is(err, mvcc.ErrSideChanged) {
		_, err = a.load(ctx)
	}
	return err
}

func (a *Archive) next(ctx context.Context) error {
	running := ctx
	ctx, cancel := context.WithTimeout(ctx, stepPatience)
	defer cancel()
	// Another replica may have advanced, or an append whose outcome is unknown may have succeeded.
	p, err := a.load(ctx)
	if err != nil {
		return err
	}
	if p.From == 0 {
		return a.begin(running) // this may exceed the time of a step
	}
	newest := a.store.Revision()
	s := a.newStep(p)
	for s.UpTo < newest && !s.full() {
		begin := time.Now()
		done, err := a.store.Log(ctx, s.UpTo, newest, readBytes, func(c *mvcc.Commit) error {
			a.changes(c, s.change)
			s.UpTo = c.Revision
			if s.full() {
				return errFull
			}
			return nil
		})
		switch {
		case errors.Is(err, mvcc.ErrCompacted):
			a.log.Warn("revisions are gone that the history does not have: it begins anew with what there is", "after", s.UpTo)
			return a.begin(running) // this may exceed the time of a step
		case err == nil:
			s.UpTo = done // revisions may be missing if the counter was advanced
		case !errors.Is(err, errFull):
			return err
		}
		if err := wait(ctx, time.Since(begin)*stepRest); err != nil {
			return err
		}
	}
	if s.UpTo == p.UpTo {
		return nil
	}
	rows, err := s.rows()
	if err != nil {
		return err
	}
	if err := a.save(ctx, &s.progress, rows); err != nil {
		return err
	}
	a.stats.versions.Add(int64(s.versions))
	return nil
}

// counters are metrics of the archive.
type counters struct {
	versions, failures, removed atomic.Int64
	// states is how many rows of the state this process has written. It is guarded by step.
	states int
}

// Stats is the progress of the archive.
type Stats struct {
	// Begin is the first revision of the history, 0 before it has begun; Lag is the number of
	// revisions that are only in the log.
	Begin, Lag int64
	// Versions and Failures count the versions that this replica has archived, and its failed steps.
	Versions, Failures int64
	// Removed counts the versions that a policy has removed.
	Removed int64
	// Links is the number of links of the hash chain; 0 without a chain.
	Links int64
}

// Stats returns the progress. It reads no database.
func (a *Archive) Stats() Stats {
	p := a.known.Load()
	s := Stats{Begin: p.From, Versions: a.stats.versions.Load(), Failures: a.stats.failures.Load(), Removed: a.stats.removed.Load(), Links: p.Chain.Links}
	if p.From > 0 {
		s.Lag = max(0, a.store.Revision()-p.UpTo)
	}
	return s
}
