package mvcc

import (
	"context"
	"fmt"
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
}

// Store is a revisioned key-value store. Its methods may be called from any
// goroutine.
type Store struct {
	opts      Options
	engine    Engine
	state     atomic.Pointer[state]
	changed   atomic.Pointer[chan struct{}]
	ring      *ring
	leases    *leases
	queue     queue
	snapshots snapshots
	ended     chan struct{} // closed when the sequencer has returned
	stop      context.CancelFunc
	close     sync.Once
	closeErr  error
}

// state is what has been published. Immutable.
type state struct {
	Position
	compacted int64
	pruned    int64
	tree      tree
}

// Open loads the state that the engine holds and starts the store, which owns
// the engine from then on. If it fails, the engine is closed.
func Open(ctx context.Context, engine Engine, opts Options) (*Store, error) {
	opts.setDefaults()
	e := tree{}.edit()
	ls := newLeases()
	loaded, err := engine.Load(ctx, func(kv *KeyValue) error {
		if e.set(kv) != nil {
			return fmt.Errorf("the database is damaged: it holds key %q twice: restore a backup", kv.Key)
		}
		return nil
	})
	if err != nil {
		_ = engine.Close() // the load's error says more
		return nil, fmt.Errorf("load the store: %w", err)
	}
	for _, l := range loaded.Leases {
		ls.set(l)
	}
	e.ascend(everything, func(kv *KeyValue) bool {
		ls.attach(kv)
		return true
	})
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{
		opts:   opts,
		engine: engine,
		ring:   newRing(opts.RingCommits, opts.RingBytes, loaded.Revision+1),
		leases: ls,
		queue:  queue{wake: make(chan struct{}, 1)},
		ended:  make(chan struct{}),
		stop:   stop,
	}
	s.state.Store(&state{Position: loaded.Position, compacted: loaded.Compacted, pruned: loaded.Pruned, tree: e.tree})
	ch := make(chan struct{})
	s.changed.Store(&ch)
	seq := &sequencer{Store: s}
	go func() {
		defer close(s.ended)
		seq.run(run)
	}()
	return s, nil
}

var everything = Span{Key: []byte{0}, End: []byte{0}}

// Close carries out what is queued, refuses what comes later with ErrClosed,
// and closes the engine.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.queue.close()
		<-s.ended
		s.stop()
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

// Size is the number of bytes that the database takes on disk.
func (s *Store) Size(ctx context.Context) (int64, error) { return s.engine.Size(ctx) }

// Changed returns a channel that is closed at the next change of the revision
// or the compacted revision. Take it before looking at either.
func (s *Store) Changed() <-chan struct{} { return *s.changed.Load() }

func (s *Store) broadcast() {
	next := make(chan struct{})
	close(*s.changed.Swap(&next))
}

// publish makes a durable batch visible: to leases and watchers first, so that
// whoever sees the revision finds the rest.
func (s *Store) publish(b *batch) {
	s.leases.apply(b)
	for _, c := range b.Commits {
		s.ring.add(c)
	}
	st := *b.base
	st.Revision = b.revision()
	st.compacted = b.compacted()
	st.tree = b.tree.tree
	s.state.Store(&st)
	if b.Compacted > 0 {
		s.snapshots.forget(st.compacted)
	}
	s.broadcast()
}

// Range reads keys, at the newest revision or an older one. Errors:
// ErrCompacted, ErrFutureRevision, or the engine's when an old revision has to
// be rebuilt from the log.
func (s *Store) Range(ctx context.Context, r *Range) (*RangeResult, error) {
	st := s.state.Load()
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
