package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

var eventsQuery = named.Questions("SELECT " + new(written).columns().String() +
	" FROM ark_log l WHERE l.id>=:first AND l.id<:end ORDER BY l.id LIMIT :most")

// written is a row of the log.
type written struct {
	rows.Row
	batch int64
}

func (r *written) columns() named.Columns {
	return append(r.Columns("l"), named.Of("l", "prev", &r.Prev), named.Of("l", "batch", &r.batch))
}

// A page is how many rows of the log are read at a time.
const (
	firstPage = 64
	maxPage   = 2048
	// leastRoom is for the rest of a revision that exceeds what is wanted.
	leastRoom = 1 << 20
)

// Events implements mvcc.Engine. It takes two round trips a page: the rows, and those
// that they replaced.
func (e *Engine) Events(ctx context.Context, after, last int64, maxBytes int, each func(*mvcc.Commit) error) (int64, error) {
	next, end := rows.Span(after, last)
	page := firstPage
	r := mvcc.ReadCommits(after, maxBytes, each)
	// One connection, so that all of it is of one server's log.
	connecting, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	conn, err := e.readers.Conn(connecting)
	if err != nil {
		return after, fmt.Errorf("read the log after revision %d: %w", after, err)
	}
	defer conn.Close()
	for next < end && !r.Enough() {
		read, bytes, more, err := e.eventRows(ctx, conn, next, end, page, max(r.Left(), leastRoom))
		if err != nil {
			return r.After(), fmt.Errorf("read the log after revision %d: %w", r.After(), err)
		}
		for _, row := range read {
			if err := r.Add(row.event, row.batch); err != nil {
				return r.After(), err
			}
		}
		if !more {
			break
		}
		next = read[len(read)-1].id + 1
		// As many as are likely to fill what is left.
		page = min(max(1, max(r.Left(), leastRoom)*len(read)/max(bytes, 1)), maxPage)
	}
	return r.Finish()
}

// eventRow is one row of the log with what it replaced.
type eventRow struct {
	id    int64
	prev  int64 // revision
	batch int64
	event mvcc.Event
}

// eventRows reads a page, of which it keeps no more rows than fill room. It returns how many
// bytes they hold, and whether there may be more.
func (e *Engine) eventRows(ctx context.Context, conn *sql.Conn, first, end int64, limit, room int) (page []*eventRow, bytes int, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	found, err := conn.QueryContext(ctx, eventsQuery.Text, eventsQuery.Args(named.Arg("first", first), named.Arg("end", end), named.Arg("most", limit))...)
	if err != nil {
		return nil, 0, false, err
	}
	defer found.Close()
	here := map[rowRef]*mvcc.KeyValue{}
	var w written
	into := w.columns().Into()
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return nil, 0, false, err
		}
		r := &eventRow{w.ID, w.Prev, w.batch, w.Event(nil)}
		kv := r.event.KV
		here[rowRef{kv.ModRevision, string(kv.Key)}] = kv
		bytes += len(kv.Key) + len(kv.Value)
		page = append(page, r)
		if bytes >= room {
			more = true
			break
		}
	}
	if err := errors.Join(found.Err(), found.Close()); err != nil {
		return nil, 0, false, err
	}
	var missing []rowRef
	for _, r := range page {
		if r.prev == 0 {
			continue
		}
		ref := rowRef{r.prev, string(r.event.KV.Key)}
		if r.event.Prev = here[ref]; r.event.Prev == nil {
			missing = append(missing, ref)
		}
	}
	replaced, err := e.find(ctx, conn, missing, true)
	if err != nil {
		return nil, 0, false, err
	}
	for _, r := range page {
		if r.prev == 0 || r.event.Prev != nil {
			continue
		}
		if row, ok := replaced[rowRef{r.prev, string(r.event.KV.Key)}]; ok {
			r.event.Prev = row.kv
			bytes += len(row.kv.Value)
		}
	}
	return page, bytes, more || len(page) == limit, nil
}
