package history

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// progress says what the archive has.
type progress struct {
	// Begins counts how often the history began.
	Begins int64 `json:"begins"`
	// From is the revision at which the history begins: all that there was then is in it as well. 0:
	// it has not begun.
	From     int64 `json:"from"`
	FromTime int64 `json:"fromTime"` // milliseconds since 1970
	// UpTo is the last revision that it has; before it has begun, the last one of what has been put
	// there so far.
	UpTo int64 `json:"upTo"`
	// Exact is the revision from which on no version has been removed, but by a purge; 0 for From.
	Exact     int64 `json:"exact,omitempty"`
	ExactTime int64 `json:"exactTime,omitempty"`
	// Whole is the revision up to which no version is to be the base of a new delta.
	Whole int64 `json:"whole,omitempty"`
	// Chain is the end of the hash chain.
	Chain chain `json:"chain,omitzero"`

	// at is the row that says this; 0 for none. What follows it is written on the condition that there
	// is none newer.
	at int64
}

var stateKey = []byte("archive")

// recentStates are looked at, which is less than are left of them: databases of earlier releases
// may have states that two replicas wrote at the same time, of which the newest is not the
// farthest.
const recentStates = 4

// load reads how far the archive has got.
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

// learn takes note of how far the archive has got.
func (a *Archive) learn(p *progress) {
	known := *p
	a.known.Store(&known)
	if p.From > 0 && a.gate.upTo.Swap(p.UpTo) != p.UpTo {
		a.store.Released()
	}
}

// save appends rows together with how far the archive has got with them, which follows the state
// that p was read from: the error is mvcc.ErrSideChanged where another replica has written one
// since. If they are too many for one append, those of a save that was cut off are there twice
// after the next.
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
	// Of the states only the newest count.
	if a.stats.states++; a.stats.states >= keptStates {
		n, _, err := a.side.Delete(ctx, mvcc.SideKey(stateTable, stateKey), time.Time{}, a.stats.states-recentStates)
		a.stats.states = max(recentStates, a.stats.states-n)
		return err
	}
	return nil
}

const keptStates = 64

// change changes the state, with rows, by what is there at the time. It is tried again where
// another replica has written meanwhile. by reports false where there is nothing to change.
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
