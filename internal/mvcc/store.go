package mvcc

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a Store; the zero value of each field asks for its default.
type Options struct {
	// RingCommits and RingBytes bound the newest commits kept in memory for
	// watches. Defaults: 65,536 and 64 MiB.
	RingCommits int
	RingBytes   int
	// BatchRequests and BatchBytes bound one database transaction. Defaults:
	// 1,024 and 8 MiB.
	BatchRequests int
	BatchBytes    int
	// Now is the clock that leases and log rows go by. Default: time.Now.
	Now func() time.Time
	// Observer hears of batches and of compaction. Default: nobody does.
	Observer Observer
	// Tracer makes spans of the work for callers that are traced. Default: none.
	Tracer Tracer
	// Loaded is called with what has been loaded, before the store starts; its error ends Open.
	// Default: nothing.
	Loaded func(context.Context, State) error
	// Published is called with each newest revision, once it is durable and before anybody is
	// answered with it, from one goroutine at a time. It must be quick. Default: nothing.
	Published func(Point)
	// SidePublished is Published for the batches of this store in the side tables. Default: nothing.
	SidePublished func(SidePoint)
	// Held returns the revision above which nothing may be pruned. It is called before each step of the pruner, must
	// be quick, and only grows. Default: all that is compacted may.
	Held func() int64
	// Log gets the causes of failed writes and reads of the counter. Default: slog.Default.
	Log *slog.Logger
}

func (o *Options) setDefaults() {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.RingCommits, 1<<16)
	def(&o.RingBytes, 64<<20)
	def(&o.BatchRequests, 1024)
	def(&o.BatchBytes, 8<<20)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observer == nil {
		o.Observer = deaf{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// Store is a revisioned key-value store. Its methods may be called from any
// goroutine.
type Store struct {
	opts   Options
	engine Engine
	// shared is engine, if other replicas write its database too.
	shared Shared
	state  atomic.Pointer[state]
	// publishing is held by whoever replaces state.
	publishing turnstile
	changed    atomic.Pointer[chan struct{}]
	ring       *ring
	leases     *leases
	queue      queue
	side       sideWriter
	snapshots  snapshots
	looks      looks
	counters   counters
	// writes and reads are the outages of committing and of reading the counter.
	writes, reads outage
	goneBack      atomic.Pointer[RewoundError]
	clock         atomic.Int64  // nanoseconds to add to opts.Now
	clocked       atomic.Bool   // clock has been set
	leads         atomic.Bool   // Shared only: this replica maintains the database
	ended         chan struct{} // closed when the sequencer has returned
	stop          context.CancelFunc
	running       sync.WaitGroup // all of them but the sequencer
	close         sync.Once
	closeErr      error
}

// turnstile is a mutex that is held while the engine is called. It is a channel because those that
// wait for a channel let the clock of a testing/synctest bubble go on, as those that wait for a
// sync.Mutex do not: the simulation needs that.
type turnstile chan struct{}

func (t turnstile) Lock()   { t <- struct{}{} }
func (t turnstile) Unlock() { <-t }

// state is what has been published. Immutable.
type state struct {
	Position
	batch     int64 // that wrote the revision, as in Point
	compacted int64
	pruned    int64
	tree      tree
}

// prunable is the revision up to which rows may go. A watch may begin at the compacted
// revision: what happened there, a deletion too, and what it replaced stay until
// the next compaction.
func (st *state) prunable() int64 { return max(st.compacted-1, 0) }

// Open loads the state that the engine holds and starts the store, which owns
// the engine from then on. If it fails, the engine is closed.
func Open(ctx context.Context, engine Engine, opts Options) (*Store, error) {
	opts.setDefaults()
	st, ls, err := load(ctx, engine, opts.Loaded)
	if err != nil {
		_ = engine.Close() // the load's error says more
		return nil, fmt.Errorf("load the store: %w", err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{
		opts:       opts,
		engine:     engine,
		publishing: make(turnstile, 1),
		ring:       newRing(opts.RingCommits, opts.RingBytes, st.Revision+1),
		leases:     ls,
		queue:      queue{wake: make(chan struct{}, 1)},
		ended:      make(chan struct{}),
		stop:       stop,
		side: sideWriter{
			queue: queue{wake: make(chan struct{}, 1)}, ended: make(chan struct{}), writer: rand.Int64(),
			outage: outage{log: opts.Log, fails: "the side tables take no writes", works: "the side tables take writes again", now: time.Now},
		},
		writes: outage{log: opts.Log, fails: "the database takes no writes", works: "the database takes writes again", now: time.Now},
		reads:  outage{log: opts.Log, fails: "the database does not answer reads", works: "the database answers reads again", now: time.Now},
	}
	s.shared, _ = engine.(Shared)
	s.counters.current.Store(time.Now().UnixNano())
	s.state.Store(st)
	ch := make(chan struct{})
	s.changed.Store(&ch)
	if s.shared != nil {
		// Leases go by the database's clock from the first one on.
		if _, err := s.look(ctx); err != nil {
			stop()
			_ = engine.Close() // the look's error says more
			return nil, fmt.Errorf("load the store: %w", err)
		}
		s.looks.wake = make(chan struct{}, 1)
		s.running.Go(func() { s.looks.run(run, s) })
		s.running.Go(func() { s.follow(run) })
		s.running.Go(func() { s.maintain(run) })
	}
	s.side.store = s
	go func() {
		defer close(s.side.ended)
		s.side.run(run)
	}()
	seq := &sequencer{Store: s}
	go func() {
		defer close(s.ended)
		seq.run(run)
	}()
	return s, nil
}

// load reads what an engine holds, and has it looked at.
func load(ctx context.Context, engine Engine, look func(context.Context, State) error) (*state, *leases, error) {
	e := tree{}.edit()
	loaded, err := engine.Load(ctx, func(kv *KeyValue) error {
		if e.set(kv) != nil {
			return fmt.Errorf("the database is damaged: it holds key %q twice: restore a backup", kv.Key)
		}
		return nil
	})
	if err == nil && look != nil {
		err = look(ctx, loaded)
	}
	if err != nil {
		return nil, nil, err
	}
	ls := newLeases()
	for _, l := range loaded.Leases {
		ls.set(l)
	}
	e.ascend(everything, func(kv *KeyValue) bool {
		ls.attach(kv)
		return true
	})
	return &state{Position: loaded.Position, batch: loaded.Batch, compacted: loaded.Compacted, pruned: loaded.Pruned, tree: e.tree}, ls, nil
}

var everything = Span{Key: []byte{0}, End: []byte{0}}

// Close carries out what is queued, refuses what comes later with ErrClosed,
// and closes the engine.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.queue.close()
		<-s.ended
		s.side.close()
		s.stop()
		s.running.Wait()
		s.broadcast()
		if err := s.engine.Close(); err != nil {
			s.closeErr = fmt.Errorf("close the store: %w", err)
		}
	})
	return s.closeErr
}

// Revision is the newest published revision, at least 1.
func (s *Store) Revision() int64 { return s.state.Load().Revision }

// Compacted is the compacted revision, 0 if there was no compaction yet.
func (s *Store) Compacted() int64 { return s.state.Load().compacted }

// Size is how much room the database takes.
func (s *Store) Size(ctx context.Context) (Size, error) { return s.engine.Size(ctx) }

// Changed returns a channel that is closed at the next change of the revision
// or the compacted revision. Take it before looking at either.
func (s *Store) Changed() <-chan struct{} { return *s.changed.Load() }

func (s *Store) broadcast() {
	next := make(chan struct{})
	close(*s.changed.Swap(&next))
}

// publish makes a durable batch visible: to leases and watchers first, so that
// whoever sees the revision finds the rest. Where replicas share the database all of
// it, or its commits, may have been read from there already.
func (s *Store) publish(b *batch) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	st := *s.state.Load()
	to := b.After()
	if st.Revision >= to.Revision && st.Change >= to.Change {
		return
	}
	known := int(st.Revision - b.Base.Revision)
	whole := known == 0
	fresh := b.Commits[min(known, len(b.Commits)):]
	if st.Change == b.Base.Change {
		s.leases.apply(b.Leases, fresh, b.RevokedLeases)
	} else {
		s.leases.apply(nil, fresh, nil)
	}
	e := st.tree.edit()
	for _, c := range fresh {
		s.ring.add(c)
		if !whole {
			e.redo(c.Events)
		}
	}
	if whole {
		e.tree = b.tree.tree
	}
	if b.revision() > st.Revision {
		st.Revision, st.batch = b.revision(), b.ID
	}
	st.Change = max(st.Change, to.Change)
	st.compacted = max(st.compacted, b.Compacted)
	st.tree = e.tree
	s.replace(&st)
}

// Range reads keys, at the newest revision or an older one. Errors:
// ErrCompacted, ErrFutureRevision, ErrUnavailable, or the engine's when an old
// revision has to be rebuilt from the log.
func (s *Store) Range(ctx context.Context, r *Range) (*RangeResult, error) {
	st := s.state.Load()
	if !r.Serializable && s.shared != nil {
		var err error
		if st, err = s.current(ctx); err != nil {
			return nil, err
		}
	}
	t := st.tree
	if r.Revision != 0 {
		if err := checkRevision(r.Revision, st.compacted, st.Revision); err != nil {
			return nil, err
		}
		var err error
		if t, err = s.treeAt(ctx, st, r.Revision); err != nil {
			return nil, err
		}
	}
	res := t.read(r)
	res.Revision = st.Revision
	return res, nil
}
