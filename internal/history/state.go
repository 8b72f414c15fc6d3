package history

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// progress is the state of the archive.
type progress struct {
	// Begins counts how often the history began.
	Begins int64 `json:"begins"`
	// From is the revision at which the history begins; all objects that existed then are included. 0:
	// it has not begun.
	From     int64 `json:"from"`
	FromTime int64 `json:"fromTime"` // milliseconds since 1970
	// UpTo is the last archived revision; before the history has begun, the last one that has been
	// added so far.
	UpTo int64 `json:"upTo"`
	// Exact is the revision from which on no version has been removed, except by a purge; 0 for From.
	Exact     int64 `json:"exact,omitempty"`
	ExactTime int64 `json:"exactTime,omitempty"`
	// Whole is the revision up to which no version may be the base of a new delta.
	Whole int64 `json:"whole,omitempty"`
	// Chain is the end of the hash chain.
	Chain chain `json:"chain,omitzero"`

	// at is the row of this state; 0 for none. The next write requires that there is no newer row.
	at int64
}

var stateKey = []byte("archive")

// recentStates is how many states are read, fewer than are kept: databases of earlier releases may
// have states that two replicas wrote at the same time, of which the newest is not the most
// advanced.
const recentStates = 4

// load reads the state of the archive.
func (a *Archive) load(ctx context.Context) (progress, error) {
	page, err := a.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(stateTable, stateKey), Backward: true, Limit: recentStates})
	if err != nil || len(page.Rows) == 0 {
		return progress{}, err
	}
	var p, newest progress
	for i := range page.Rows {
		var other progress
		if err := json.Unmarshal(page.Rows[i].Data, &other); err != nil {
			return progress{}, fmt.Errorf("the history's state is damaged: %w", err)
		}
		if i == 0 {
			newest = other
		}
		if other.Begins > p.Begins || other.Begins == p.Begins && (other.From > p.From || other.From == p.From && other.UpTo > p.UpTo) {
			p, other = other, p
		}
		p.Exact, p.ExactTime, p.Whole = max(p.Exact, other.Exact), max(p.ExactTime, other.ExactTime), max(p.Whole, other.Whole)
	}
	p.Chain, p.at = newest.Chain, page.Rows[0].ID
	a.learn(&p)
	return p, nil
}

// learn caches the state of the archive.
func (a *Archive) learn(p *progress) {
	known := *p
	a.known.Store(&known)
	if p.From > 0 && a.gate.upTo.Swap(p.UpTo) != p.UpTo {
		a.store.Released()
	}
}

// save appends rows together with the new state, which replaces the state that p was read from. The
// error is mvcc.ErrSideChanged if another replica has written a state since. If the rows are too
// many for one append, the rows of an interrupted save exist twice after the next one.
func (a *Archive) save(ctx context.Context, p *progress, rows []mvcc.SideRow) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	follows := mvcc.SideNewest{Table: stateTable, Key: stateKey, ID: p.at}
	parts := calls(append(rows, mvcc.SideRow{Table: stateTable, Key: stateKey, Data: data}))
	for i, part := range parts {
		ids, err := a.side.AppendIf(ctx, follows, part...)
		if err != nil {
			return err
		}
		if i == len(parts)-1 {
			p.at = ids[len(ids)-1]
		}
	}
	a.learn(p)
	// Only the newest states are used.
	if a.stats.states++; a.stats.states >= keptStates {
		n, _, err := a.side.Delete(ctx, mvcc.SideKey(stateTable, stateKey), time.Time{}, a.stats.states-recentStates)
		a.stats.states = max(recentStates, a.stats.states-n)
		return err
	}
	return nil
}

const keptStates = 64

// change changes the state, and appends rows, depending on the current state. It retries if another
// replica has written in the meantime. by returns false if there is nothing to change.
func (a *Archive) change(ctx context.Context, by func(*progress) (rows []mvcc.SideRow, changed bool)) error {
	a.step.Lock()
	defer a.step.Unlock()
	for {
		p, err := a.load(ctx)
		if err != nil {
			return err
		}
		rows, changed := by(&p)
		if !changed {
			return nil
		}
		if err := a.save(ctx, &p, rows); !isChanged(err) {
			return err
		}
	}
}
