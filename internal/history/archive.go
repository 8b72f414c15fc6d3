package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Archive moves versions from the store's log to side tables, in small steps, and reads both. One of the replicas of a
// database archives; the rows of a step and how far it got are one append, and nothing above that is pruned. So a
// step that is cut off leaves nothing behind, and one whose outcome is unknown is found out by reading.
//
// Should two replicas archive for a moment, a version may have two rows, with the same key: readers take the first.
type Archive struct {
	store  *mvcc.Store
	side   mvcc.SideTables
	wanted Select
	log    *slog.Logger

	step sync.Mutex // held while archiving
	gate *Gate
	// known is the newest state that this replica has read or written.
	known atomic.Pointer[progress]
	stats counters
	// running ends with stop; passes are those of Keep.
	running context.Context //nolint:containedctx // it is the archive's life
	stop    context.CancelFunc
	passes  sync.WaitGroup
	closed  chan struct{}
}

// progress says what the archive has.
type progress struct {
	// From is the revision at which the history begins: all that there was then is in it as well. 0: it has not begun.
	From     int64 `json:"from"`
	FromTime int64 `json:"fromTime"` // milliseconds since 1970
	// UpTo is the last revision that it has.
	UpTo int64 `json:"upTo"`
	// Exact is the revision from which on no version has been removed, but by a purge; 0 for From.
	Exact     int64 `json:"exact,omitempty"`
	ExactTime int64 `json:"exactTime,omitempty"`
}

// A step archives about stepBytes of the log and at most stepVersions, of four rows each, and leaves the database to
// others stepRest times as long as it took. Without versions it is recorded every idleStep.
const (
	stepBytes    = 256 << 10
	stepVersions = 240
	stepRest     = 2
	pollInterval = 500 * time.Millisecond
	idleStep     = 5 * time.Second
	retryStep    = 2 * time.Second
)

// Gate keeps what is not archived from being pruned: its Held is the store's Options.Held. The zero value keeps all.
type Gate struct{ upTo atomic.Int64 }

// Held is the revision up to which all is archived.
func (g *Gate) Held() int64 { return g.upTo.Load() }

// Open begins to archive what wanted selects, of a store that the gate belongs to. Call Close before the store's.
func Open(ctx context.Context, store *mvcc.Store, gate *Gate, wanted Select, log *slog.Logger) (*Archive, error) {
	a := &Archive{store: store, side: store.Side(), gate: gate, wanted: wanted, log: log, closed: make(chan struct{})}
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
		begin := time.Now()
		more, err := a.work(ctx)
		wait := max(time.Since(begin)*stepRest, time.Millisecond)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.stats.failures.Add(1)
			if !failed {
				a.log.Error("the history is not kept up to date; old revisions stay in the log until it is", "error", err)
			}
			failed, wait = true, retryStep
		case failed:
			failed = false
			a.log.Info("the history is kept up to date again")
		}
		if err == nil && !more {
			var idle <-chan time.Time
			if a.known.Load().UpTo < a.store.Revision() {
				idle = time.After(idleStep) // to be recorded, so that it can be pruned
			}
			select {
			case <-changed:
			case <-idle:
			case <-ctx.Done():
			}
			wait = pollInterval
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// work archives one step, if that is this replica's to do.
func (a *Archive) work(ctx context.Context) (more bool, err error) {
	if !a.store.Maintains() {
		return false, nil
	}
	return a.advance(ctx)
}

// advance archives the next step.
func (a *Archive) advance(ctx context.Context) (more bool, err error) {
	a.step.Lock()
	defer a.step.Unlock()
	// Another replica may have gone on; and an append may have been carried out of which nothing is known.
	p, err := a.load(ctx)
	if err != nil {
		return false, err
	}
	if p.From == 0 {
		return true, a.begin(ctx)
	}
	newest := a.store.Revision()
	if p.UpTo >= newest {
		return false, nil
	}
	var rows []mvcc.SideRow
	next := p
	full := errors.New("enough")
	versions := 0
	done, err := a.store.Log(ctx, p.UpTo, newest, stepBytes, func(c *mvcc.Commit) error {
		found := a.versions(c)
		if versions > 0 && versions+len(found) > stepVersions {
			return full
		}
		versions += len(found)
		for _, f := range found {
			more, err := a.rows(f, p.From)
			if err != nil {
				return err
			}
			rows = append(rows, more...)
		}
		next.UpTo = c.Revision
		return nil
	})
	switch {
	case errors.Is(err, mvcc.ErrCompacted):
		a.log.Warn("revisions are gone that the history does not have: it begins anew with what there is", "after", p.UpTo)
		return true, a.begin(ctx)
	case err != nil && !errors.Is(err, full):
		return false, err
	case err == nil:
		next.UpTo = done // revisions may be missing, where the counter was moved on
	}
	if len(rows) == 0 && next.UpTo == newest && time.Since(a.stats.recorded) < idleStep {
		return false, nil
	}
	if err := a.save(ctx, next, rows); err != nil {
		return false, err
	}
	a.stats.versions.Add(int64(versions))
	return next.UpTo < a.store.Revision(), nil
}

// found is a version with what it replaces, and its place among the puts of one life of its object.
type found struct {
	*Version
	prev  *mvcc.KeyValue
	count int64
}

// versions are those of a revision.
func (a *Archive) versions(c *mvcc.Commit) (all []found) {
	for _, ev := range c.Events {
		if ref, ok := a.wanted(ev.KV.Key); ok {
			all = append(all, found{versionOf(ref, c, ev), ev.Prev, ev.KV.Version})
		}
	}
	return all
}

// fullEvery is after how many versions of an object one is kept whole.
const fullEvery = 16

// rows are those of a version; from is the revision at which the history begins.
func (a *Archive) rows(f found, from int64) ([]mvcc.SideRow, error) {
	r := recordOf(f.Version)
	r.body = f.Object
	if f.prev != nil && f.prev.ModRevision > from && f.count%fullEvery != 1 {
		if d := delta(f.prev.Value, f.Object); len(d) < len(f.Object)/2 {
			r.Base, r.body = f.prev.ModRevision, d
		}
	}
	data, err := r.encode()
	if err != nil {
		return nil, err
	}
	return f.index(data), nil
}

// index returns the version's row and those that find it.
func (v *Version) index(data []byte) []mvcc.SideRow {
	object := v.Ref().key()
	rows := []mvcc.SideRow{
		{Table: versionTable, Key: withRevision(object, v.Revision), Time: v.Time, Data: data},
		{Table: revisionTable, Key: append(withRevision(nil, v.Revision), object...), Time: v.Time, Data: []byte{}},
	}
	if v.User != "" {
		rows = append(rows, mvcc.SideRow{Table: userTable, Key: withRevision(ownerKey(v.User), v.Revision), Time: v.Time, Data: object})
	}
	if v.UID != "" {
		rows = append(rows, mvcc.SideRow{Table: uidTable, Key: withRevision(ownerKey(v.UID), v.Revision), Time: v.Time, Data: object})
	}
	return rows
}

var stateKey = []byte("archive")

// load reads how far the archive has got. Where two replicas archive for a moment the newest of their states may not be the
// farthest.
func (a *Archive) load(ctx context.Context) (progress, error) {
	page, err := a.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(stateTable, stateKey), Backward: true, Limit: recentStates})
	if err != nil || len(page.Rows) == 0 {
		return progress{}, err
	}
	var p progress
	for i := range page.Rows {
		var other progress
		if err := json.Unmarshal(page.Rows[i].Data, &other); err != nil {
			return progress{}, fmt.Errorf("the history's state is damaged: %w", err)
		}
		if other.From > p.From || other.From == p.From && other.UpTo > p.UpTo {
			other.Exact, other.ExactTime = max(other.Exact, p.Exact), max(other.ExactTime, p.ExactTime)
			p = other
		}
		p.Exact, p.ExactTime = max(p.Exact, other.Exact), max(p.ExactTime, other.ExactTime)
	}
	a.learn(&p)
	return p, nil
}

// recentStates are looked at, which is less than are left of them.
const recentStates = 4

// learn takes note of how far the archive has got.
func (a *Archive) learn(p *progress) {
	a.known.Store(p)
	if a.gate.upTo.Swap(p.UpTo) != p.UpTo {
		a.store.Released()
	}
}

// save appends rows together with how far the archive has got with them.
func (a *Archive) save(ctx context.Context, p progress, rows []mvcc.SideRow) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := a.side.Append(ctx, append(rows, mvcc.SideRow{Table: stateTable, Key: stateKey, Data: data})...); err != nil {
		return err
	}
	a.learn(&p)
	a.stats.recorded = time.Now()
	// Of the states only the newest count.
	if a.stats.states++; a.stats.states >= keptStates {
		n, _, err := a.side.Delete(ctx, mvcc.SideKey(stateTable, stateKey), time.Time{}, a.stats.states-recentStates)
		a.stats.states = max(recentStates, a.stats.states-n)
		return err
	}
	return nil
}

const keptStates = 64

// counters count what the archive does.
type counters struct {
	versions, failures, removed atomic.Int64
	// recorded is when the state was last saved, and states how many of its rows this process has left. Both are guarded by step.
	recorded time.Time
	states   int
}

// Stats tells how far the archive has got.
type Stats struct {
	// Begin is the revision at which the history begins, 0 before it has; Lag is how many revisions are in the log only.
	Begin, Lag int64
	// Versions and Failures count what this replica has archived, and the steps that failed.
	Versions, Failures int64
	// Removed counts the versions that a policy did not keep.
	Removed int64
}

// Stats takes no time to speak of.
func (a *Archive) Stats() Stats {
	p := a.known.Load()
	s := Stats{Begin: p.From, Versions: a.stats.versions.Load(), Failures: a.stats.failures.Load(), Removed: a.stats.removed.Load()}
	if p.From > 0 {
		s.Lag = max(0, a.store.Revision()-p.UpTo)
	}
	return s
}
