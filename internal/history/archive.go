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
// replicas of a database archives; the rows of a step and how far it got are one append, and
// nothing above that is pruned. So a step that is cut off leaves nothing behind, and one whose
// outcome is unknown is found out by reading. The append is refused where another replica has gone
// on: steps follow each other, whoever takes them.
type Archive struct {
	store  *mvcc.Store
	side   mvcc.SideTables
	wanted Select
	log    *slog.Logger
	// translate is Options.JSON.
	translate func(Ref, []byte) []byte
	// chains says that versions become links of the hash chain.
	chains bool

	step     sync.Mutex // held while archiving
	removing sync.Mutex // held while versions are taken away
	gate     *Gate
	// known is the newest state that this replica has read or written.
	known atomic.Pointer[progress]
	stats counters
	// stored is what the last pass has found.
	stored atomic.Pointer[map[Resource]Stored]
	// running ends with stop; passes are those of Keep.
	running context.Context //nolint:containedctx // it is the archive's life
	stop    context.CancelFunc
	passes  sync.WaitGroup
	closed  chan struct{}

	turnPatience time.Duration
}

// Steps follow settle after the first revision that is not archived, so that several versions of an
// object are one row and the writers have the processors, or when there are mostBehind of them;
// readers find those in the log. A step reads readBytes of the log at a time, and rests stepRest
// times as long as that took. It is given up after stepPatience.
const (
	settle       = 5 * time.Second
	mostBehind   = 8192
	readBytes    = 128 << 10
	stepRest     = 2
	stepPatience = 30 * time.Second
	pollInterval = 500 * time.Millisecond
	retryStep    = 2 * time.Second
)

// Gate keeps what is not archived from being pruned: its Held is the store's Options.Held. The zero
// value keeps all.
type Gate struct{ upTo atomic.Int64 }

// Held is the revision up to which all is archived.
func (g *Gate) Held() int64 { return g.upTo.Load() }

// Options are what a history is to do.
type Options struct {
	// Select says whose history is kept.
	Select Select
	// JSON returns the JSON of a value that is stored in another form, and nil for one that it cannot
	// read. It is asked for values that are no JSON; nil has none.
	JSON func(Ref, []byte) []byte
	// Chain makes what is archived links of a hash chain.
	Chain bool
	Log   *slog.Logger
}

// Open begins to archive, of a store that the gate belongs to. Call Close before the store's.
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

// Close ends archiving. What is in the log still is archived after the next start.
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

// settle waits until there is enough for a step, or it is time for one.
func (a *Archive) settle(ctx context.Context) {
	for begin := time.Now(); time.Since(begin) < settle && a.store.Revision()-a.known.Load().UpTo < mostBehind; {
		if p := a.known.Load(); p.From == 0 || wait(ctx, pollInterval) != nil {
			return
		}
	}
}

// round archives what there is, if that is this replica's to do.
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

// advance archives the next step. Where another replica has gone on meanwhile it has done nothing.
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
	// Another replica may have gone on; and an append may have been carried out of which nothing is
	// known.
	p, err := a.load(ctx)
	if err != nil {
		return err
	}
	if p.From == 0 {
		return a.begin(running) // which may take longer
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
			return a.begin(running) // which may take longer
		case err == nil:
			s.UpTo = done // revisions may be missing, where the counter was moved on
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

// counters count what the archive does.
type counters struct {
	versions, failures, removed atomic.Int64
	// states is how many rows of the state this process has left. It is guarded by step.
	states int
}

// Stats tells how far the archive has got.
type Stats struct {
	// Begin is the revision at which the history begins, 0 before it has; Lag is how many revisions
	// are in the log only.
	Begin, Lag int64
	// Versions and Failures count what this replica has archived, and the steps that failed.
	Versions, Failures int64
	// Removed counts the versions that a policy did not keep.
	Removed int64
	// Links is how many links the hash chain has; 0 where there is none.
	Links int64
}

// Stats takes no time to speak of.
func (a *Archive) Stats() Stats {
	p := a.known.Load()
	s := Stats{Begin: p.From, Versions: a.stats.versions.Load(), Failures: a.stats.failures.Load(), Removed: a.stats.removed.Load(), Links: p.Chain.Links}
	if p.From > 0 {
		s.Lag = max(0, a.store.Revision()-p.UpTo)
	}
	return s
}
