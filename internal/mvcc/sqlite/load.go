package sqlite

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// fewKeys are not worth more than one connection.
const fewKeys = 256

// Load implements mvcc.Engine. It refuses a database in which rows of live keys are
// missing or damaged, or whose live keys are not those that the marks remember.
func (e *Engine) Load(ctx context.Context, each func(*mvcc.KeyValue) error) (mvcc.State, error) {
	st, err := e.State(ctx)
	if err != nil {
		return st, err
	}
	live, err := e.scanLive(ctx, each)
	if err != nil {
		return st, err
	}
	live.revision = st.Revision
	if err := live.complete(e.remembered); err != nil {
		return st, err
	}
	e.found(st, live)
	return st, nil
}

// found begins what goes on while a complete database is in use.
func (e *Engine) found(st mvcc.State, live *liveKeys) {
	e.newest.Store(st.Revision)
	e.pruned.Store(st.Pruned)
	if e.loaded {
		return
	}
	e.loaded, e.remembered = true, nil
	e.marks.start(mark.Mark{Store: e.store, Revision: st.Revision, Keys: int64(live.n), Digest: live.digest, Side: e.side.now()})
	e.reserve.take()
	e.writing.Lock()
	if !e.quiet {
		e.checkpointer.awake.Store(true)
		e.checkpointer.wake()
	}
	e.writing.Unlock()
	e.scrubber = startScrubber(e)
}

// liveKeys is what a scan of the live keys has found.
type liveKeys struct {
	store    mark.StoreID
	revision int64
	mu       sync.Mutex
	n        int // whose rows are as they should be
	digest   uint64
	damaged  []damagedRow // without the key where the row is missing
}

// complete returns an error unless all rows are as they should be, and those that a
// mark of the same revision remembers.
func (l *liveKeys) complete(marks []remembered) error {
	if len(l.damaged) > 0 {
		return &DamageError{Store: l.store, Rows: l.damaged, Of: l.n + len(l.damaged)}
	}
	for _, m := range marks {
		if m.Store == l.store && m.Revision == l.revision && m.Keys != mark.Unknown && (m.Keys != int64(l.n) || m.Digest != l.digest) {
			return &LossError{l.store, fmt.Sprintf("its %d live keys are not the %d that were there at revision %d: "+
				"the database and its write-ahead log do not belong together, or one of them is damaged", l.n, m.Keys, m.Revision)}
		}
	}
	return nil
}

// scanLive reads the row of each live key, checks it, and passes it to each, unless that is
// nil. A connection for each processor reads a part of the keys; each is called from one
// goroutine.
func (e *Engine) scanLive(ctx context.Context, each func(*mvcc.KeyValue) error) (*liveKeys, error) {
	live := &liveKeys{store: e.store}
	var want int
	if err := e.readers.QueryRowContext(ctx, countStateQuery).Scan(&want); err != nil {
		return nil, err
	}
	parallel := 1
	if want > fewKeys {
		parallel = min(runtime.GOMAXPROCS(0), 4)
	}
	bounds, err := e.split(ctx, want, parallel)
	if err != nil {
		return nil, err
	}
	var parts []mvcc.LoadPart
	for i, from := range bounds[:len(bounds)-1] {
		parts = append(parts, func(ctx context.Context, send func(*mvcc.KeyValue) error) error {
			return e.loadPart(ctx, from, bounds[i+1], live, send)
		})
	}
	if each == nil {
		each = func(*mvcc.KeyValue) error { return nil }
	}
	if _, err := mvcc.LoadParts(ctx, parts, each); err != nil {
		return nil, err
	}
	if live.n+len(live.damaged) != want {
		if err := e.addMissing(ctx, live); err != nil {
			return nil, err
		}
	}
	return live, nil
}

// addMissing finds the keys that have no row in the log.
func (e *Engine) addMissing(ctx context.Context, live *liveKeys) error {
	var l rows.Live
	into := l.Columns("s").Into()
	found, err := e.readers.QueryContext(ctx, missingQuery)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return err
		}
		live.damaged = append(live.damaged, damagedRow{created: l.Created, id: l.Newest, why: "is missing"})
	}
	return found.Err()
}

// split cuts the table of live keys into parts.
func (e *Engine) split(ctx context.Context, keys, parts int) ([]int64, error) {
	return rows.Bounds(keys, parts, func(offset int) (at int64, err error) {
		err = e.readers.QueryRowContext(ctx, splitStateQuery.Text, splitStateQuery.Args(named.Arg("offset", offset))...).Scan(&at)
		return at, err
	})
}

// loaded is a row of the log as that of a live key.
type loaded struct {
	row
	creating int64 // the id of the row that created the key, as the table of live keys has it
}

func (r *loaded) columns() named.Columns {
	return append(r.row.columns("l"), named.Of("s", "created", &r.creating))
}

func (e *Engine) loadPart(ctx context.Context, first, end int64, live *liveKeys, send func(*mvcc.KeyValue) error) error {
	found, err := e.readers.QueryContext(ctx, loadQuery.Text, loadQuery.Args(named.Arg("first", first), named.Arg("end", end))...)
	if err != nil {
		return err
	}
	defer found.Close()
	n, digest := 0, uint64(0)
	var r loaded
	into := r.columns().Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return err
		}
		if !r.intact() || r.Created != r.creating || r.Version <= 0 {
			live.mu.Lock()
			live.damaged = append(live.damaged, damagedRow{created: r.creating, id: r.ID, key: r.Key, why: "does not match its checksum"})
			live.mu.Unlock()
			continue
		}
		n++
		digest += mark.Digest(r.Created, rows.Revision(r.ID))
		if err := send(r.KeyValue()); err != nil {
			return err
		}
	}
	live.mu.Lock()
	live.n += n
	live.digest += digest
	live.mu.Unlock()
	return found.Err()
}
