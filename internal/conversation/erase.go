package conversation

import (
	"context"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Erase deletes all rows that belong to a Query, by its name and its UID, and returns how many
// there were.
func Erase(ctx context.Context, side mvcc.SideTables, namespace, query, uid string) (rows int64, err error) {
	spans := []mvcc.SideSpan{
		mvcc.SideKey(queryTable, key(namespace, query)), mvcc.SideKey(requestTable, requestKey(namespace, query)), mvcc.SideKey(responseTable, []byte(uid)),
	}
	if err := each(ctx, side, spans[0], func(r *mvcc.SideRow) error {
		spans = append(spans, mvcc.SideKey(messageTable, key(namespace, string(r.Data), query)))
		return nil
	}); err != nil {
		return 0, err
	}
	// The events of a Query are keyed by its UID, and its rows in the session table by its name.
	spans = append(spans, mvcc.SideKey(eventTable, key(namespace, uid)), mvcc.SideKey(sessionTable, key(namespace, query)))
	for _, span := range spans {
		n, err := side.Count(ctx, span)
		if err != nil {
			return rows, err
		}
		rows += n
	}
	requests, answers := Requests{side: side}, Responses{side: side}
	if err := NewStore(side, nil, nil).DeleteQuery(ctx, namespace, query, ""); err != nil {
		return rows, err
	}
	if err := requests.Forget(ctx, namespace, query); err != nil {
		return rows, err
	}
	events := NewEvents(side, nil, nil)
	if err := events.DeleteSessionQuery(ctx, namespace, query); err != nil || uid == "" {
		return rows, err
	}
	if err := events.Delete(ctx, namespace, uid); err != nil {
		return rows, err
	}
	return rows, answers.Forget(ctx, uid)
}
