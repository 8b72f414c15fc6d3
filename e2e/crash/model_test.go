package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// model is the expected content of the store. It is built from the store's own watch and checked
// against the acknowledgements.
type model struct {
	revision int64
	live     map[string]*mvcc.KeyValue
	leases   []int64
	sides    map[string][]sideChange // by key: its rows
}

func newModel() *model {
	return &model{revision: 1, live: map[string]*mvcc.KeyValue{}, sides: map[string][]sideChange{}}
}

// check opens the database left by a crash, compares it with the child's reports and the model, and
// updates the model.
func (m *model) check(ctx context.Context, place engine.Place, r reports) error {
	store, err := open(ctx, place)
	if err != nil {
		return fmt.Errorf("open after the crash: %w", err)
	}
	defer store.Close()
	if place.Storage != engine.SQLite {
		// The server may still be executing requests from the dead child. A write that is serialised
		// after them waits for their end.
		if _, err := store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("/crash/checked")}}}, mvcc.Actor{}); err != nil {
			return fmt.Errorf("write after the crash: %w", err)
		}
		if _, err := store.Side().Append(ctx, mvcc.SideRow{Table: sideTable, Key: []byte("checked")}); err != nil {
			return fmt.Errorf("append after the crash: %w", err)
		}
	}
	if r.ready && r.start != m.revision {
		return fmt.Errorf("the child opened at revision %d, the copy of the same files at %d", r.start, m.revision)
	}
	if store.Revision() < r.saw || store.Revision() < m.revision {
		return fmt.Errorf("revision %d after the crash, but %d had been acknowledged or watched", store.Revision(), max(r.saw, m.revision))
	}
	if err := m.resume(ctx, store, r); err != nil {
		return err
	}
	if err := m.compareState(ctx, store); err != nil {
		return err
	}
	if err := checkCompaction(ctx, store, r.compacted); err != nil {
		return err
	}
	if err := m.checkSides(ctx, store.Side(), r.sides); err != nil {
		return err
	}
	m.leases = append(m.leases, r.leases...)
	return m.checkLeases(store)
}

// resume watches from before the crash to the newest revision: every revision once, without a gap,
// and each acknowledged write as it was acknowledged.
func (m *model) resume(ctx context.Context, store *mvcc.Store, r reports) error {
	watcher := store.Watch(everything(), m.revision+1)
	acknowledged := len(r.wrote)
	for synced := false; !synced; {
		poll, err := watcher.Poll(ctx, 1<<20)
		if err != nil {
			return fmt.Errorf("resume a watch at %d: %w", m.revision+1, err)
		}
		synced = poll.Synced
		for _, e := range poll.Events {
			if e.KV.ModRevision != m.revision+1 {
				return fmt.Errorf("revision %d follows %d in the watch", e.KV.ModRevision, m.revision)
			}
			m.revision = e.KV.ModRevision
			key := string(e.KV.Key)
			if ack, ok := r.wrote[m.revision]; ok {
				acknowledged--
				if key != ack.key || string(e.KV.Value) != ack.value || (e.Type == mvcc.EventDelete) != (ack.value == "") {
					return fmt.Errorf("revision %d is %s=%q, acknowledged was %s=%q", m.revision, key, e.KV.Value, ack.key, ack.value)
				}
			}
			if err := m.apply(e); err != nil {
				return err
			}
		}
	}
	if m.revision != store.Revision() {
		return fmt.Errorf("the watch ends at revision %d, the store is at %d", m.revision, store.Revision())
	}
	if acknowledged != 0 {
		return fmt.Errorf("%d acknowledged writes are missing", acknowledged)
	}
	return nil
}

// apply applies one event to the model. The event's previous version must be the model's version.
func (m *model) apply(e mvcc.Event) error {
	key := string(e.KV.Key)
	before := m.live[key]
	switch {
	case (before == nil) != (e.Prev == nil):
		return fmt.Errorf("revision %d of %s: previous version %v, want %v", e.KV.ModRevision, key, e.Prev, before)
	case before != nil && (before.ModRevision != e.Prev.ModRevision || string(before.Value) != string(e.Prev.Value)):
		return fmt.Errorf("revision %d of %s: previous version is of revision %d, want %d", e.KV.ModRevision, key, e.Prev.ModRevision, before.ModRevision)
	}
	if e.Type == mvcc.EventDelete {
		delete(m.live, key)
		return nil
	}
	version := int64(1)
	if before != nil {
		version = before.Version + 1
	}
	if e.KV.Version != version {
		return fmt.Errorf("revision %d of %s: version %d, want %d", e.KV.ModRevision, key, e.KV.Version, version)
	}
	m.live[key] = e.KV
	return nil
}

// compareState reads all keys and compares every field with the model.
func (m *model) compareState(ctx context.Context, store *mvcc.Store) error {
	all, err := store.Range(ctx, &mvcc.Range{Span: everything()})
	if err != nil {
		return fmt.Errorf("read everything: %w", err)
	}
	if len(all.KVs) != len(m.live) {
		return fmt.Errorf("%d keys, want %d", len(all.KVs), len(m.live))
	}
	for _, got := range all.KVs {
		want := m.live[string(got.Key)]
		if want == nil || got.ModRevision != want.ModRevision || got.CreateRevision != want.CreateRevision ||
			got.Version != want.Version || got.Lease != want.Lease || string(got.Value) != string(want.Value) {
			return fmt.Errorf("%s is %+v, want %+v", got.Key, got, want)
		}
	}
	return nil
}

// checkCompaction checks that an acknowledged compaction is kept: reads at its revision succeed,
// and reads below it fail.
func checkCompaction(ctx context.Context, store *mvcc.Store, acknowledged int64) error {
	compacted := store.Compacted()
	if compacted < acknowledged {
		return fmt.Errorf("compacted to %d, acknowledged was %d", compacted, acknowledged)
	}
	if compacted <= 1 {
		return nil
	}
	if _, err := store.Range(ctx, &mvcc.Range{Span: everything(), Revision: compacted}); err != nil {
		return fmt.Errorf("read at the compacted revision %d: %w", compacted, err)
	}
	if _, err := store.Range(ctx, &mvcc.Range{Span: everything(), Revision: compacted - 1}); !errors.Is(err, mvcc.ErrCompacted) {
		return fmt.Errorf("read below the compacted revision %d: got %v, want %w", compacted, err, mvcc.ErrCompacted)
	}
	return nil
}

func (m *model) checkLeases(store *mvcc.Store) error {
	have := store.Leases()
	for _, id := range m.leases {
		if !slices.Contains(have, mvcc.LeaseID(id)) {
			return fmt.Errorf("lease %d was granted and is gone", id)
		}
	}
	return nil
}
