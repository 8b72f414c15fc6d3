package mvcc_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "run the simulation with this seed only")
	simFirst = flag.Uint64("sim.first", 1, "run the simulation with the seeds from this one on")
	simSeeds = flag.Uint64("sim.seeds", 160, "run the simulation with so many seeds")
	simSteps = flag.Int("sim.steps", 800, "let the simulation take so many steps for each seed")
)

// TestSimulation drives replicas of a store on a database in memory, through writes, reads,
// watches, leases, compactions, lost requests and replies, late transactions, frozen replicas,
// broken connections, kills and restores, and holds every answer and every commit against the
// invariants of the store. A seed determines what happens, down to the clock: a failure names it,
// and prints what led there.
//
// The simulation covers these invariants, which its failures name by number:
//
//  1. Answers cover what was acknowledged before; revisions are dense; nothing is taken back.
//  2. An unknown outcome is an error; what was refused never takes effect, and nothing does twice.
//  3. Watches deliver every event once, in order, with what it replaced.
//  4. Below the compacted revision reads fail, above it they work; nothing waits for pruning.
//  5. Leases are exact, also across restarts.
//  6. What is acknowledged is in the database, and in every store opened later.
//  7. Without the database requests fail with retryable errors, in time, and never with less.
//  8. A database that has gone back is noticed; after a restore revisions go on.
//  10. What is acknowledged of side rows is in their tables, once; ids grow in the order of
//     commits; pages and
//     counts cover what was acknowledged before, deletes too.
//
// That a list takes no more memory than it returns (9) is for TestMemoryIsBounded.
func TestSimulation(t *testing.T) {
	first, last := *simFirst, *simFirst+*simSeeds-1
	if *simSeed != 0 {
		first, last = *simSeed, *simSeed
	}
	if underRace && *simSeed == 0 {
		last = first + *simSeeds/4
	}
	oneProcessor(t)
	begin := time.Now()
	var total simulated
	for seed := first; seed <= last && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) { total.add(simulate(t, seed)) })
	}
	t.Logf("%d seeds in %s: %+v", last-first+1, time.Since(begin).Round(time.Millisecond), total)
}

// TestSimulationRepeats: a seed leads to the same history each time. Chance is left a little room:
// one look at the counter answers several requests at once, and the scheduler chooses which of them
// goes on first. On one processor that is nearly always the same.
func TestSimulationRepeats(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes the scheduler random")
	}
	oneProcessor(t)
	const seeds = 40
	differ := 0
	for seed := uint64(1); seed <= seeds; seed++ {
		var first, second []string
		synctest.Test(t, func(t *testing.T) { first = simulate(t, seed).history })
		synctest.Test(t, func(t *testing.T) { second = simulate(t, seed).history })
		if !slices.Equal(first, second) {
			differ++
			t.Logf("seed %d: the history is not the same the second time", seed)
		}
	}
	if differ > seeds/10 {
		t.Errorf("%d of %d seeds do not lead to the same history each time", differ, seeds)
	}
}

// oneProcessor lets goroutines take turns, so that their order hardly depends on chance.
func oneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// simulated counts what simulations have done.
type simulated struct {
	Steps, Operations, Unknown, Revisions int
	Kills, Restores, Reloads              int
	history                               []string
}

func (s *simulated) add(o simulated) {
	s.Steps += o.Steps
	s.Operations += o.Operations
	s.Unknown += o.Unknown
	s.Revisions += o.Revisions
	s.Kills += o.Kills
	s.Restores += o.Restores
	s.Reloads += o.Reloads
}

// simulation is one run. Its fields belong to the goroutine that runs it; others touch them only
// while that one waits for them in settle.
type simulation struct {
	seed uint64
	rnd  *rand.Rand
	opts mvcc.Options
	// shared: there are replicas, rather than one store that owns its database.
	shared bool
	// faults is the percentage of requests that do not simply pass.
	faults int
	skews  []time.Duration

	steps     atomic.Int64
	db        *memengine.Database
	journal   *journal
	gate      gate
	replicas  []*replica // the present life in each place
	lives     []int
	ops       []*op // those under way
	byID      map[int]*op
	leaseOps  []*op
	watches   []*watch
	watched   int
	compacted int64 // the newest compaction that has been acknowledged
	acked     int64 // the newest revision that has been returned
	backup    *memengine.Backup
	backedUp  *journal
	running   sync.WaitGroup
	counts    simulated

	mu      sync.Mutex // guards what follows, and the replicas' looks
	history []string
	failure string
	doubt   time.Duration // the longest that a look at a clock has taken, halved
}

func newSimulation(seed uint64) *simulation {
	rnd := rand.New(rand.NewPCG(seed, 0))
	w := &simulation{
		seed: seed, rnd: rnd, byID: map[int]*op{}, acked: 1,
		shared: seed%4 != 0,
		faults: []int{0, 3, 10, 25}[rnd.IntN(4)],
		opts: mvcc.Options{
			RingCommits:   []int{4, 16, 1024}[rnd.IntN(3)],
			BatchRequests: []int{1, 3, 1024}[rnd.IntN(3)],
		},
	}
	w.gate.w = w
	w.journal = newJournal(w)
	w.db = memengine.New(memengine.Options{Page: []int{1, 3, 1024}[rnd.IntN(3)], Committed: w.journal.committed,
		SideOps: []int{1, 2, 0}[rnd.IntN(3)], SideCommitted: w.journal.sideCommitted})
	n := 1
	if w.shared {
		n = 2 + rnd.IntN(2)
	}
	for range n {
		skew := time.Duration(0)
		if w.shared {
			skew = time.Duration(rnd.IntN(20)-10) * time.Second
		}
		w.skews = append(w.skews, skew)
	}
	w.replicas, w.lives = make([]*replica, n), make([]int, n)
	return w
}

// step is the number of the present one.
func (w *simulation) step() int { return int(w.steps.Load()) }

// now is the database's clock.
func (w *simulation) now() time.Time { return time.Now() }

// clockDoubt is by how much the clock of a replica may be off.
func (w *simulation) clockDoubt() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doubt + 2*time.Millisecond // a database keeps milliseconds
}

func (w *simulation) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, fmt.Sprintf("%4d %9.3fs %s", w.step(), time.Since(simEpoch).Seconds(), fmt.Sprintf(format, args...)))
}

// simEpoch is when time begins in a synctest bubble.
var simEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// fail notes that an invariant does not hold. The first counts.
func (w *simulation) fail(invariant int, format string, args ...any) {
	text := fmt.Sprintf("invariant %d: %s", invariant, fmt.Sprintf(format, args...))
	w.note("%s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == "" {
		w.failure = text
	}
}

func (w *simulation) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure != ""
}

// simulate runs a simulation; it is called in a synctest bubble.
func simulate(t *testing.T, seed uint64) simulated {
	w := newSimulation(seed)
	for place := range w.replicas {
		w.open(place)
	}
	for !w.failed() && w.step() < *simSteps {
		w.next()
	}
	if !w.failed() {
		w.heal()
		w.conclude()
	}
	w.end()
	if w.failed() {
		t.Errorf("seed %d: %s\n\n%s\nto run it again: go test ./internal/mvcc -run='^TestSimulation$' -sim.seed=%d -sim.steps=%d",
			seed, w.failure, w.story(), seed, *simSteps)
	}
	w.counts.Steps, w.counts.Operations, w.counts.Revisions = w.step(), len(w.byID), int(w.journal.newest)
	for _, o := range w.byID {
		if o.outcome == unknown {
			w.counts.Unknown++
		}
	}
	w.counts.history = w.history
	return w.counts
}

// story is what happened last, and what is under way.
func (w *simulation) story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d replicas, shared %t, %d %% faults, clocks off by %v, %+v\n", len(w.replicas), w.shared, w.faults, w.skews, w.opts)
	h := w.history
	if len(h) > 80 {
		fmt.Fprintf(&b, "... %d lines\n", len(h)-80)
		h = h[len(h)-80:]
	}
	for _, line := range h {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// settle waits until nothing goes on any more without the simulation, and checks what has ended.
func (w *simulation) settle() {
	synctest.Wait()
	var still []*op
	for _, o := range w.ops {
		if !o.finished.Load() {
			still = append(still, o)
			continue
		}
		o.cancel()
		o.until = w.step()
		switch {
		case o.err == nil:
			w.note("%s ends", o)
		case o.r.closing || o.abandoned:
			w.note("%s ends with its store", o) // for which of several reasons is left to chance
		default:
			w.note("%s ends: %v", o, o.err)
		}
		o.check(o)
	}
	w.ops = still
	for _, o := range w.ops {
		w.waits(o)
	}
}

// waits checks that there is something that an operation may wait for.
func (w *simulation) waits(o *op) {
	w.gate.mu.Lock()
	idle := o.r.underWay == 0
	w.gate.mu.Unlock()
	if idle && !o.physical && !o.side && o.what != "close" && o.what != "open" && !o.abandoned {
		w.fail(4, "%s waits, though its replica asks nothing of the database but to prune", o)
	}
	if since := time.Since(later(o.began, o.r.cutAt)); o.r.cut.Load() && !o.physical && !o.abandoned && since > time.Minute {
		w.fail(7, "%s has not failed %s after the database went away", o, since)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// end stops everything, so that the bubble can end.
func (w *simulation) end() {
	for _, r := range w.replicas {
		if r != nil && !r.dead {
			w.kill(r)
		}
	}
	ended := make(chan struct{})
	go func() {
		w.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Minute):
		w.fail(7, "a store does not close")
	}
}
