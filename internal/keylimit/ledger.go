package keylimit

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/token"
)

const (
	// table is the side table with the rows; a row's key is the ID of the chat key.
	table = "key_uses"
	// age is how long rows are kept: a day, plus the difference between clocks.
	age = 25 * time.Hour
	// deleteStep is how many rows are deleted at a time.
	deleteStep = 500
)

// Count is the state of one limit of a key.
type Count struct {
	// Limit is 0 if there is none.
	Limit, Used int64
	// Reset is the time until a request is admitted again if the limit is reached, and otherwise until
	// nothing is used.
	Reset time.Duration
}

// Reached reports whether the limit is reached, so that no request is admitted.
func (c Count) Reached() bool { return c.Limit > 0 && c.Used >= c.Limit }

// Remaining returns the unused part of the limit.
func (c Count) Remaining() int64 { return max(c.Limit-c.Used, 0) }

// Standing is the state of all limits of a key.
type Standing struct{ Requests, Tokens, Day Count }

// Ledger counts the use of keys. It is safe for concurrent use.
type Ledger struct {
	side mvcc.SideTables
	now  func() time.Time

	mu   sync.Mutex
	keys map[string]*account
}

// account is the cached state of one key. Its mutex is held during database requests, so that
// requests with one key are decided one after the other.
type account struct {
	mu     sync.Mutex
	window window
	cursor *mvcc.SideCursor
	used   time.Time
}

// New returns the ledger of a database. now returns the current time.
func New(side mvcc.SideTables, now func() time.Time) *Ledger {
	return &Ledger{side: side, now: now, keys: map[string]*account{}}
}

type useRow struct {
	Tokens int64 `json:"tokens,omitempty"`
}

// Admit counts a request with a key if it is within the limits, and returns the standing after
// that. If it is not, admitted is false and the standing has a count that is reached.
func (l *Ledger) Admit(ctx context.Context, key string, limits token.Limits) (standing Standing, admitted bool, err error) {
	a := l.account(key)
	a.mu.Lock()
	defer a.mu.Unlock()
	now := l.now()
	if err := l.read(ctx, key, a, now); err != nil {
		return Standing{}, false, err
	}
	s := a.window.standing(limits, now)
	if s.Requests.Reached() || s.Tokens.Reached() || s.Day.Reached() {
		return s, false, nil
	}
	if err := l.append(ctx, key, useRow{}, now); err != nil {
		return Standing{}, false, err
	}
	if err := l.read(ctx, key, a, now); err != nil {
		return Standing{}, false, err
	}
	return a.window.standing(limits, now), true, nil
}

// Used counts the tokens of an answer.
func (l *Ledger) Used(ctx context.Context, key string, tokens int64) error {
	if tokens <= 0 {
		return nil
	}
	return l.append(ctx, key, useRow{Tokens: tokens}, l.now())
}

func (l *Ledger) account(key string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.keys[key]
	if a == nil {
		a = &account{}
		l.keys[key] = a
	}
	a.used = l.now()
	return a
}

func (l *Ledger) append(ctx context.Context, key string, row useRow, at time.Time) error {
	data, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("encode what a key has used: %w", err)
	}
	if _, err := l.side.Append(ctx, mvcc.SideRow{Table: table, Key: []byte(key), Time: at, Data: data}); err != nil {
		return fmt.Errorf("count what a key has used: %w", err)
	}
	return nil
}

// read reads the new rows of a key.
func (l *Ledger) read(ctx context.Context, key string, a *account, now time.Time) error {
	for {
		page, err := l.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(table, []byte(key)), After: a.cursor})
		if err != nil {
			return fmt.Errorf("read what a key has used: %w", err)
		}
		for i := range page.Rows {
			r := &page.Rows[i]
			var row useRow
			if err := json.Unmarshal(r.Data, &row); err != nil {
				return fmt.Errorf("what a key has used is damaged in the database: %w", err)
			}
			a.window.add(use{r.Time, row.Tokens}, now)
			a.cursor = r.Cursor()
		}
		if !page.More {
			a.window.forget(now)
			return nil
		}
	}
}

// Sweep deletes old rows, and drops the cached state of keys that were not used since.
func (l *Ledger) Sweep(ctx context.Context) error {
	before := l.now().Add(-age)
	l.mu.Lock()
	for key, a := range l.keys {
		if a.used.Before(before) {
			delete(l.keys, key)
		}
	}
	l.mu.Unlock()
	for {
		_, more, err := l.side.Delete(ctx, mvcc.SidePrefix(table, nil), before, deleteStep)
		if err != nil {
			return fmt.Errorf("delete old uses of keys: %w", err)
		}
		if !more {
			return nil
		}
	}
}
