package mvcc_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// replay applies events to a map the way a client keeps its copy, and fails
// on everything that invariant 4 rules out.
type replay struct {
	t        *testing.T
	name     string
	revision int64 // of the last event
	kvs      map[string]*mvcc.KeyValue
	events   int
}

func (r *replay) apply(res mvcc.PollResult) {
	r.t.Helper()
	for i, e := range res.Events {
		rev, key := e.KV.ModRevision, string(e.KV.Key)
		if rev < r.revision || rev == r.revision && (i == 0 || res.Events[i-1].KV.ModRevision != rev) {
			r.t.Errorf("%s: event of revision %d after %d", r.name, rev, r.revision)
		}
		r.revision = rev
		have := r.kvs[key]
		if (e.Prev == nil) != (have == nil) || e.Prev != nil && (e.Prev.ModRevision != have.ModRevision || string(e.Prev.Value) != string(have.Value)) {
			r.t.Errorf("%s: at %d %s replaces %v, the copy holds %v", r.name, rev, key, e.Prev, have)
		}
		if e.Type == mvcc.EventDelete {
			delete(r.kvs, key)
		} else {
			r.kvs[key] = e.KV
		}
		r.events++
	}
	if res.Revision != 0 && res.Revision < r.revision {
		r.t.Errorf("%s: progress %d behind event %d", r.name, res.Revision, r.revision)
	}
}

// follow polls a watcher until it has seen revision last.
func (r *replay) follow(s *mvcc.Store, w *mvcc.Watcher, last func() int64, slow bool) {
	for {
		ch := s.Changed()
		res, err := w.Poll(context.Background(), 1+rand.IntN(4096))
		if err != nil {
			r.t.Errorf("%s: %v", r.name, err)
			return
		}
		r.apply(res)
		if end := last(); end != 0 && res.Revision >= end {
			return
		}
		if slow {
			time.Sleep(time.Millisecond)
		}
		if res.Synced {
			<-ch
		}
	}
}

// TestConcurrentWritersAndWatchers: counters incremented by compare-and-swap
// lose nothing; every watcher, fast or slow, from memory or from the log, sees
// each event once and in order; reads are never older than what was
// acknowledged before.
func TestConcurrentWritersAndWatchers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	s := openPath(t, path, mvcc.Options{RingCommits: 64, RingBytes: 1 << 16})
	const writers, rounds, keys = 16, 250, 11

	var done int64
	var mu sync.Mutex
	last := func() int64 { mu.Lock(); defer mu.Unlock(); return done }
	var watching sync.WaitGroup
	var replays []*replay
	for i := range 4 {
		r := &replay{t: t, name: fmt.Sprint("watcher ", i), kvs: map[string]*mvcc.KeyValue{}}
		replays = append(replays, r)
		w := s.Watch(all, 2)
		watching.Go(func() { r.follow(s, w, last, i%2 == 1) })
	}

	var writing sync.WaitGroup
	var wins, deletes [writers]int
	for i := range writers {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for range rounds {
				key := []byte(fmt.Sprint("counter", r.IntN(keys)))
				span := mvcc.Span{Key: key}
				before := s.Revision()
				got, err := s.Range(t.Context(), &mvcc.Range{Span: span})
				if err != nil || got.Revision < before {
					t.Errorf("read at %d after %d: %v", got.Revision, before, err)
					return
				}
				mod, n := int64(0), 0
				if len(got.KVs) == 1 {
					mod = got.KVs[0].ModRevision
					n, _ = strconv.Atoi(string(got.KVs[0].Value))
				}
				var op mvcc.Op = &mvcc.Put{Key: key, Value: []byte(strconv.Itoa(n + 1))}
				if r.IntN(12) == 0 && mod != 0 {
					op = &mvcc.Delete{Span: span}
				}
				res, err := s.Txn(t.Context(), &mvcc.Txn{
					Compares: []mvcc.Compare{{Span: span, Target: mvcc.CompareMod, Int: mod}},
					Then:     []mvcc.Op{op, &mvcc.Put{Key: []byte(fmt.Sprint("own", i)), Value: []byte(strconv.Itoa(wins[i] + deletes[i] + 1))}},
				}, mvcc.Actor{})
				if err != nil {
					t.Error(err)
					return
				}
				if !res.Succeeded {
					continue
				}
				if now, err := s.Range(t.Context(), &mvcc.Range{Span: all, CountOnly: true}); err != nil || now.Revision < res.Revision {
					t.Errorf("read at %d after a write at %d was acknowledged: %v", now.Revision, res.Revision, err)
				}
				if _, ok := op.(*mvcc.Delete); ok {
					deletes[i]++
				} else {
					wins[i]++
				}
			}
		})
	}
	writing.Wait()
	mu.Lock()
	done = s.Revision()
	mu.Unlock()
	put(t, s, "end", "") // wakes whoever waits
	watching.Wait()

	total := 0
	for i := range writers {
		total += wins[i] + deletes[i]
		own, err := s.Range(t.Context(), &mvcc.Range{Span: mvcc.Span{Key: []byte(fmt.Sprint("own", i))}})
		if err != nil || len(own.KVs) != 1 || string(own.KVs[0].Value) != strconv.Itoa(wins[i]+deletes[i]) {
			t.Errorf("writer %d: %v %v, want %d", i, own, err, wins[i]+deletes[i])
		}
	}
	if int64(total)+1 != done {
		t.Errorf("%d transactions succeeded but the revision is %d", total, done)
	}
	at, err := s.Range(t.Context(), &mvcc.Range{Span: all, Revision: done})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range replays {
		if r.events != 2*total && r.events != 2*total+1 {
			t.Errorf("%s saw %d events of %d", r.name, r.events, 2*total)
		}
		for _, kv := range at.KVs {
			if have := r.kvs[string(kv.Key)]; have == nil || have.ModRevision != kv.ModRevision {
				t.Errorf("%s: %s is %v, want %v", r.name, kv.Key, have, kv)
			}
		}
	}
	// From a cold start all of it comes from the log.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openPath(t, path, mvcc.Options{})
	r := &replay{t: t, name: "reopened", kvs: map[string]*mvcc.KeyValue{}}
	r.follow(s, s.Watch(all, 2), func() int64 { return done }, false)
	if r.events < 2*total {
		t.Errorf("reopened: %d events of %d", r.events, 2*total)
	}
}

// TestCompactionUnderLoad: reads at or above the compacted revision stay
// right while rows go, those below fail, watchers are told.
func TestCompactionUnderLoad(t *testing.T) {
	s := openNew(t, mvcc.Options{RingCommits: 8})
	late := s.Watch(all, 2)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Appendf(nil, "k%d-%d", i, n%5)
				var op mvcc.Op = &mvcc.Put{Key: key, Value: key}
				if n%7 == 6 {
					op = &mvcc.Delete{Span: mvcc.Span{Key: key}}
				}
				if _, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{op}}, mvcc.Actor{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 20 {
		ch := s.Changed()
		<-ch
		target := s.Revision()
		want := read(t, s, target)
		if target <= s.Compacted() {
			continue
		}
		if err := s.Compact(t.Context(), target, false); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, target); got != want {
			t.Fatalf("at %d after its compaction:\n%swant\n%s", target, got, want)
		}
		if _, err := s.Range(t.Context(), &mvcc.Range{Span: all, Revision: target - 1}); !errors.Is(err, mvcc.ErrCompacted) {
			t.Fatalf("read below: %v", err)
		}
	}
	close(stop)
	wg.Wait()
	target := s.Revision()
	want := read(t, s, target)
	if err := s.Compact(t.Context(), target, true); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, target); got != want {
		t.Fatalf("at %d with all rows gone:\n%swant\n%s", target, got, want)
	}
	if _, err := late.Poll(t.Context(), 1<<20); !errors.Is(err, mvcc.ErrCompacted) {
		t.Errorf("a watch below the compacted revision: %v", err)
	}
}

// faulty fails commits the way a database that goes away does.
type faulty struct {
	mvcc.Engine
	mu     sync.Mutex
	commit func(do func() error) error // nil works
	state  error
}

func (f *faulty) set(commit func(do func() error) error, state error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commit, f.state = commit, state
}

func (f *faulty) Commit(ctx context.Context, b *mvcc.Batch) error {
	f.mu.Lock()
	commit := f.commit
	f.mu.Unlock()
	if commit != nil {
		return commit(func() error { return f.Engine.Commit(ctx, b) })
	}
	return f.Engine.Commit(ctx, b)
}

func (f *faulty) State(ctx context.Context) (mvcc.State, error) {
	f.mu.Lock()
	err := f.state
	f.mu.Unlock()
	if err != nil {
		return mvcc.State{}, err
	}
	return f.Engine.State(ctx)
}

// TestFailedCommits: a definite failure changes nothing, an unknown outcome is
// read back before anything else is decided, and never guessed.
func TestFailedCommits(t *testing.T) {
	broken := errors.New("connection lost")
	unknown := fmt.Errorf("%w: %w", mvcc.ErrUnknownOutcome, broken)
	lost := func(do func() error) error { return unknown }
	landed := func(do func() error) error {
		if err := do(); err != nil {
			return err
		}
		return unknown
	}
	refused := func(do func() error) error { return broken }
	for _, tc := range []struct {
		name   string
		commit func(func() error) error
		state  error
		want   error // of the write
		exists bool
	}{
		{"refused", refused, nil, mvcc.ErrUnavailable, false},
		{"lost", lost, nil, mvcc.ErrUnknownOutcome, false},
		{"landed", landed, nil, nil, true},
		{"lost and unreadable", lost, broken, mvcc.ErrUnknownOutcome, false},
		{"landed and unreadable", landed, broken, mvcc.ErrUnknownOutcome, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			f := &faulty{Engine: e}
			s, err := mvcc.Open(t.Context(), f, mvcc.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			put(t, s, "a", "1")
			w := s.Watch(all, 2)
			f.set(tc.commit, tc.state)
			if _, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("b")}}}, mvcc.Actor{}); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if tc.state != nil {
				// While it cannot be read back nothing may be written.
				if _, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("c")}}}, mvcc.Actor{}); !errors.Is(err, mvcc.ErrUnavailable) {
					t.Fatalf("write in doubt: %v", err)
				}
				if s.Revision() != 2 {
					t.Fatalf("revision %d", s.Revision())
				}
			}
			f.set(nil, nil)
			created := txn(t, s, &mvcc.Txn{
				Compares: []mvcc.Compare{{Span: mvcc.Span{Key: []byte("b")}, Target: mvcc.CompareMod}},
				Then:     []mvcc.Op{&mvcc.Put{Key: []byte("b"), Value: []byte("again")}},
			})
			if created.Succeeded == tc.exists {
				t.Errorf("create afterwards succeeded: %v", created.Succeeded)
			}
			put(t, s, "d", "1")
			r := &replay{t: t, name: "watcher", kvs: map[string]*mvcc.KeyValue{}}
			r.follow(s, w, s.Revision, false)
			if r.events != 3 || r.revision != 4 {
				t.Errorf("%d events up to %d", r.events, r.revision)
			}
		})
	}
}
