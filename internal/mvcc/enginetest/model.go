package enginetest

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// model is what a database must hold.
type model struct {
	pos       mvcc.Position
	compacted int64
	live      map[string]*mvcc.KeyValue
	leases    map[mvcc.LeaseID]mvcc.Lease
	log       []*mvcc.Commit
}

func newModel() *model {
	return &model{
		pos:    mvcc.Position{Revision: 1},
		live:   map[string]*mvcc.KeyValue{},
		leases: map[mvcc.LeaseID]mvcc.Lease{},
	}
}

// change is one event to be: a put, or a delete.
type change struct {
	key, value []byte
	lease      mvcc.LeaseID
	gone       bool
}

func put(key, value string) change { return change{key: []byte(key), value: []byte(value)} }
func del(key string) change        { return change{key: []byte(key), gone: true} }

// draft is a batch in the making on top of a model, which it leaves alone.
type draft struct {
	mvcc.Batch
	live map[string]*mvcc.KeyValue
}

var actor = mvcc.Actor{User: "ann", Groups: "a,b", UserAgent: "test/1.0 (ü)", Verb: "update"}

func (m *model) draft() *draft {
	return &draft{Batch: mvcc.Batch{ID: rand.Int64(), Base: m.pos}, live: maps.Clone(m.live)}
}

// revision adds a commit with the changes.
func (d *draft) revision(changes ...change) *draft {
	c := &mvcc.Commit{Revision: d.Base.Revision + int64(len(d.Commits)) + 1, Actor: actor, Time: time.Now()}
	for i, ch := range changes {
		prev := d.live[string(ch.key)]
		kv := &mvcc.KeyValue{Key: ch.key, ModRevision: c.Revision}
		ev := mvcc.Event{KV: kv, Prev: prev}
		if ch.gone {
			ev.Type = mvcc.EventDelete
			delete(d.live, string(ch.key))
		} else {
			kv.Value, kv.Lease, kv.Version = ch.value, ch.lease, 1
			kv.CreateRevision, kv.CreatePosition = c.Revision, i
			if prev != nil {
				kv.Version = prev.Version + 1
				kv.CreateRevision, kv.CreatePosition = prev.CreateRevision, prev.CreatePosition
			}
			d.live[string(ch.key)] = kv
		}
		c.Events = append(c.Events, ev)
	}
	d.Commits = append(d.Commits, c)
	return d
}

func (d *draft) grant(l mvcc.Lease) *draft {
	d.Leases = append(d.Leases, l)
	return d
}

func (d *draft) revoke(id mvcc.LeaseID) *draft {
	d.RevokedLeases = append(d.RevokedLeases, id)
	return d
}

func (d *draft) compact(to int64) *draft {
	d.Compacted = to
	return d
}

// accept makes the draft part of the model. shared says that the engine counts
// changes.
func (m *model) accept(d *draft, shared bool) {
	m.live = d.live
	m.log = append(m.log, d.Commits...)
	m.pos = d.Base
	m.pos.Revision += int64(len(d.Commits))
	for _, l := range d.Leases {
		m.leases[l.ID] = l
	}
	for _, id := range d.RevokedLeases {
		delete(m.leases, id)
	}
	m.compacted = max(m.compacted, d.Compacted)
	if shared && (len(d.Leases) > 0 || len(d.RevokedLeases) > 0 || d.Compacted > 0) {
		m.pos.Change++
	}
}

// commit commits the draft and accepts it.
func (m *model) commit(t *testing.T, e mvcc.Engine, d *draft) {
	t.Helper()
	if err := e.Commit(t.Context(), &d.Batch); err != nil {
		t.Fatalf("commit: %v", err)
	}
	_, shared := e.(mvcc.Shared)
	m.accept(d, shared)
}

// check holds everything that the engine says against the model.
func (m *model) check(t *testing.T, e mvcc.Engine) {
	t.Helper()
	keys := map[string]*mvcc.KeyValue{}
	st, err := e.Load(t.Context(), func(kv *mvcc.KeyValue) error {
		if keys[string(kv.Key)] != nil {
			return fmt.Errorf("key %q twice", kv.Key)
		}
		keys[string(kv.Key)] = kv
		return nil
	})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	m.checkState(t, st)
	for key, want := range m.live {
		if got := keys[key]; got == nil {
			t.Errorf("key %.40q has not been loaded", key)
		} else if err := sameKV(got, want); err != nil {
			t.Errorf("loaded %.40q: %v", key, err)
		}
		delete(keys, key)
	}
	for key := range keys {
		t.Errorf("loaded %.40q, which does not exist", key)
	}
	if st, err = e.State(t.Context()); err != nil {
		t.Fatalf("state: %v", err)
	}
	m.checkState(t, st)
	m.checkEvents(t, e, max(m.compacted, 1), m.pos.Revision)
}

func (m *model) checkState(t *testing.T, st mvcc.State) {
	t.Helper()
	if st.Position != m.pos {
		t.Errorf("position %+v, want %+v", st.Position, m.pos)
	}
	if st.Compacted != m.compacted {
		t.Errorf("compacted %d, want %d", st.Compacted, m.compacted)
	}
	checkLeases(t, st.Leases, m.leases)
}

func checkLeases(t *testing.T, got []mvcc.Lease, want map[mvcc.LeaseID]mvcc.Lease) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d leases, want %d", len(got), len(want))
	}
	for _, l := range got {
		w, ok := want[l.ID]
		if !ok || l.TTL != w.TTL || !l.Deadline.Equal(w.Deadline.Truncate(time.Millisecond)) {
			t.Errorf("lease %+v, want %+v", l, w)
		}
	}
}

// checkEvents reads the log after one revision up to another.
func (m *model) checkEvents(t *testing.T, e mvcc.Engine, after, last int64) {
	t.Helper()
	var got []*mvcc.Commit
	done, err := e.Events(t.Context(), after, last, 1<<40, func(c *mvcc.Commit) error {
		got = append(got, c)
		return nil
	})
	if err != nil {
		t.Fatalf("events: %v", err)
	}
	want := m.between(after, last)
	if len(want) > 0 && done != want[len(want)-1].Revision {
		t.Errorf("events after %d up to %d ended at %d", after, last, done)
	}
	sameCommits(t, got, want)
}

func (m *model) between(after, last int64) []*mvcc.Commit {
	var cs []*mvcc.Commit
	for _, c := range m.log {
		if c.Revision > after && c.Revision <= last {
			cs = append(cs, c)
		}
	}
	return cs
}

func sameCommits(t *testing.T, got, want []*mvcc.Commit) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d revisions, want %d", len(got), len(want))
	}
	for i, c := range got {
		if err := sameCommit(c, want[i]); err != nil {
			t.Errorf("revision %d: %v", want[i].Revision, err)
		}
	}
}

func sameCommit(got, want *mvcc.Commit) error {
	if got.Revision != want.Revision || len(got.Events) != len(want.Events) {
		return fmt.Errorf("revision %d with %d events, want %d with %d", got.Revision, len(got.Events), want.Revision, len(want.Events))
	}
	for i, ev := range got.Events {
		w := want.Events[i]
		if ev.Type != w.Type {
			return fmt.Errorf("event %d: type %d, want %d", i, ev.Type, w.Type)
		}
		if err := sameKV(ev.KV, w.KV); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		if (ev.Prev == nil) != (w.Prev == nil) {
			return fmt.Errorf("event %d: previous %v, want %v", i, ev.Prev, w.Prev)
		}
		if ev.Prev != nil {
			if err := sameKV(ev.Prev, w.Prev); err != nil {
				return fmt.Errorf("event %d: previous: %w", i, err)
			}
		}
	}
	return nil
}

func sameKV(got, want *mvcc.KeyValue) error {
	if !bytes.Equal(got.Key, want.Key) {
		return fmt.Errorf("key %.40q, want %.40q", got.Key, want.Key)
	}
	if !bytes.Equal(got.Value, want.Value) {
		return fmt.Errorf("value %.40q of %d bytes, want %.40q of %d", got.Value, len(got.Value), want.Value, len(want.Value))
	}
	g, w := *got, *want
	g.Key, g.Value, w.Key, w.Value = nil, nil, nil, nil
	if fmt.Sprint(g) != fmt.Sprint(w) {
		return fmt.Errorf("%+v, want %+v", g, w)
	}
	return nil
}
