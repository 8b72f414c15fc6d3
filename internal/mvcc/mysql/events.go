package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const eventsQuery = `SELECT id, ` + "`key`" + `, value, created, version, lease, prev, batch
	FROM ark_log WHERE id>=? AND id<? ORDER BY id LIMIT ?`

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
	next, end := (after+1)*positions, (last+1)*positions
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
		rows, bytes, more, err := e.eventRows(ctx, conn, next, end, page, max(r.Left(), leastRoom))
		if err != nil {
			return r.After(), fmt.Errorf("read the log after revision %d: %w", r.After(), err)
		}
		for _, row := range rows {
			if err := r.Add(row.event, row.batch); err != nil {
				return r.After(), err
			}
		}
		if !more {
			break
		}
		next = rows[len(rows)-1].id + 1
		// As many as are likely to fill what is left.
		page = min(max(1, max(r.Left(), leastRoom)*len(rows)/max(bytes, 1)), maxPage)
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
	rows, err := conn.QueryContext(ctx, eventsQuery, first, end, limit)
	if err != nil {
		return nil, 0, false, err
	}
	defer rows.Close()
	here := map[rowRef]*mvcc.KeyValue{}
	for rows.Next() {
		r, err := scanEvent(rows)
		if err != nil {
			return nil, 0, false, err
		}
		kv := r.event.KV
		here[rowRef{kv.ModRevision, string(kv.Key)}] = kv
		bytes += len(kv.Key) + len(kv.Value)
		page = append(page, r)
		if bytes >= room {
			more = true
			break
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
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
	found, err := e.find(ctx, conn, missing, true)
	if err != nil {
		return nil, 0, false, err
	}
	for _, r := range page {
		if r.prev == 0 || r.event.Prev != nil {
			continue
		}
		if row, ok := found[rowRef{r.prev, string(r.event.KV.Key)}]; ok {
			r.event.Prev = row.kv
			bytes += len(row.kv.Value)
		}
	}
	return page, bytes, more || len(page) == limit, nil
}

func scanEvent(rows *sql.Rows) (*eventRow, error) {
	kv := &mvcc.KeyValue{}
	r := &eventRow{event: mvcc.Event{KV: kv}}
	var created int64
	if err := rows.Scan(&r.id, &kv.Key, &kv.Value, &created, &kv.Version, (*int64)(&kv.Lease), &r.prev, &r.batch); err != nil {
		return nil, err
	}
	kv.ModRevision = r.id / positions
	if kv.Version == 0 {
		r.event.Type = mvcc.EventDelete
	} else {
		setCreated(kv, created)
	}
	return r, nil
}

// setCreated is the inverse of createdOf.
func setCreated(kv *mvcc.KeyValue, id int64) {
	kv.CreateRevision, kv.CreatePosition = id/positions, int(id%positions)
}
