package history

import (
	"context"
	"errors"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// turn is the right to remove versions, which one replica has at a time. Every write and delete of
// its holder requires that it still has the turn. The holder renews it periodically; if it has not
// for turnPatience, another replica takes the turn, and further changes of the first one are
// refused.
type turn struct {
	*Archive
	at    mvcc.SideNewest
	shown time.Time
}

const (
	turnPatience = 30 * time.Second
	turnRenewal  = 5 * time.Second
)

var turnKey = []byte("removing")

// The data of the rows of a turn.
const (
	turnHeld = "held"
	turnFree = "free"
)

func isChanged(err error) bool { return errors.Is(err, mvcc.ErrSideChanged) }

// takeTurn waits for the turn.
func (a *Archive) takeTurn(ctx context.Context) (*turn, error) {
	t := &turn{Archive: a, at: mvcc.SideNewest{Table: stateTable, Key: turnKey}}
	var seen int64
	var since time.Time
	for {
		page, err := a.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(stateTable, turnKey), Backward: true, Limit: 1})
		if err != nil {
			return nil, err
		}
		free := len(page.Rows) == 0
		if t.at.ID = 0; !free {
			t.at.ID = page.Rows[0].ID
			free = string(page.Rows[0].Data) == turnFree
		}
		if t.at.ID != seen {
			seen, since = t.at.ID, time.Now()
		}
		if free || time.Since(since) > a.turnPatience {
			if err := t.show(ctx, turnHeld); !isChanged(err) {
				return t, err
			}
			continue
		}
		if err := wait(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
}

// show appends a row of the turn.
func (t *turn) show(ctx context.Context, data string) error {
	ids, err := t.side.AppendIf(ctx, t.at, mvcc.SideRow{Table: stateTable, Key: turnKey, Data: []byte(data)})
	if err == nil {
		t.at.ID, t.shown = ids[0], time.Now()
	}
	return err
}

// renew renews the turn, if that is due. It must not run concurrently with append and delete.
func (t *turn) renew(ctx context.Context) error {
	if time.Since(t.shown) < turnRenewal {
		return nil
	}
	return t.show(ctx, turnHeld)
}

// end releases the turn, also if its holder's context has ended.
func (t *turn) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), turnRenewal)
	defer cancel()
	if err := t.show(ctx, turnFree); err != nil {
		return err
	}
	// Only the newest row is used.
	n, err := t.side.Count(ctx, mvcc.SideKey(stateTable, turnKey))
	if err == nil && n > 1 {
		_, _, err = t.delete(ctx, mvcc.SideKey(stateTable, turnKey), int(min(n-1, mvcc.MaxSideRows)))
	}
	return err
}

func (t *turn) append(ctx context.Context, rows ...mvcc.SideRow) error {
	_, err := t.side.AppendIf(ctx, t.at, rows...)
	return err
}

func (t *turn) delete(ctx context.Context, span mvcc.SideSpan, most int) (deleted int, more bool, err error) {
	return t.side.DeleteIf(ctx, t.at, span, time.Time{}, most)
}

// removes calls remove in a turn, and repeats it once if another replica has taken the turn:
// versions removed until then are in the report, to which it adds.
func (a *Archive) removes(ctx context.Context, remove func(*turn, *Report) error) (Report, error) {
	report := Report{Removed: map[string]int{}}
	a.removing.Lock()
	defer a.removing.Unlock()
	for {
		t, err := a.takeTurn(ctx)
		if err != nil {
			return report, err
		}
		if err = a.takeRest(ctx, t); err == nil {
			err = remove(t, &report)
		}
		if isChanged(err) {
			continue
		}
		if ending := t.end(ctx); !isChanged(ending) {
			err = errors.Join(err, ending)
		}
		return report, err
	}
}
