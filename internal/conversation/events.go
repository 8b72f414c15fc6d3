package conversation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/stream"
)

const (
	// eventTable has one row per event, with NAMESPACE, 0, QUERY-ID as the key.
	eventTable = "events"
	// sessionTable has one row for the session data of an event, with NAMESPACE, 0, QUERY as the key.
	sessionTable = "sessions"

	// MaxEvents is the most events of a Query.
	MaxEvents = 10_000
	// eventAge is how long events and sessions are kept at most: they outlive their Query if no client
	// deletes them.
	eventAge = 30 * 24 * time.Hour
	// maxName bounds the parts of a key.
	maxName = 253
	// maxEvent is the most bytes of an event.
	maxEvent = 256 << 10
)

// Event is an event that an engine has sent.
type Event struct {
	// Sequence increases within a Query, and is the cursor of lists.
	Sequence int64           `json:"sequence"`
	Session  string          `json:"session,omitempty"`
	Query    string          `json:"query"`
	Event    json.RawMessage `json:"event"`
}

// eventRow is the content of a row of the event table.
type eventRow struct {
	Event   json.RawMessage `json:"event"`
	Session string          `json:"session,omitempty"`
	Expires *time.Time      `json:"expires,omitempty"`
}

// Events stores events of engines, and derives the sessions from them. It is safe for concurrent
// use.
type Events struct {
	side mvcc.SideTables
	feed feed
	now  func() time.Time
}

// NewEvents returns the events of a database. Watchers are notified through the broker, including
// those at other replicas.
func NewEvents(side mvcc.SideTables, broker *stream.Broker, now func() time.Time) *Events {
	return &Events{side, feed{broker}, now}
}

// eventBody has the parsed fields of an event as engines send it. The whole event is stored
// unchanged.
type eventBody struct {
	Reason string `json:"reason"`
	Data   struct {
		QueryID string `json:"queryId"`
		sessionEvent
	} `json:"data"`
	TTL float64 `json:"ttl_seconds"`
}

// Add stores an event, and its session data.
func (s *Events) Add(ctx context.Context, namespace string, body []byte) error {
	var in eventBody
	var kept map[string]json.RawMessage
	if json.Unmarshal(body, &in) != nil || json.Unmarshal(body, &kept) != nil || in.TTL < 0 {
		return &InvalidError{"an event is to be JSON with reason, data and perhaps ttl_seconds"}
	}
	if in.Data.QueryID == "" || len(in.Data.QueryID) > maxName {
		return &InvalidError{fmt.Sprintf("data.queryId is missing, or has more than %d bytes", maxName)}
	}
	delete(kept, "ttl_seconds")
	there, err := s.side.Count(ctx, mvcc.SideKey(eventTable, key(namespace, in.Data.QueryID)))
	if err != nil {
		return fmt.Errorf("count the events: %w", err)
	}
	if there >= MaxEvents {
		return &InvalidError{fmt.Sprintf("the query has %d events, which is the most", MaxEvents)}
	}
	event, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	expires := s.expiry(in.TTL)
	data, err := json.Marshal(eventRow{Event: event, Session: in.Data.SessionID, Expires: expires})
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	rows := []mvcc.SideRow{{Table: eventTable, Key: key(namespace, in.Data.QueryID), Data: data}}
	of := in.Data.sessionEvent
	of.Reason = in.Reason
	if row, ok, err := sessionRow(namespace, of, expires); err != nil {
		return err
	} else if ok {
		rows = append(rows, row)
	}
	ids, err := s.side.Append(ctx, rows...)
	if err != nil {
		return fmt.Errorf("store an event: %w", err)
	}
	s.feed.publish(topicEvents, namespace, Event{Sequence: ids[0], Session: in.Data.SessionID, Query: in.Data.QueryID, Event: event})
	if len(rows) > 1 {
		s.feed.publish(topicSessions, namespace, sessionChange{of.SessionID})
	}
	return nil
}

func (s *Events) expiry(ttl float64) *time.Time {
	age := eventAge
	if seconds := time.Duration(ttl * float64(time.Second)); ttl > 0 && seconds > 0 {
		age = min(age, seconds)
	}
	end := s.now().Add(age)
	return &end
}

// List returns events in order of arrival; query and session filter them, "" does not filter.
func (s *Events) List(ctx context.Context, namespace, query, session string) ([]Event, error) {
	span, start := mvcc.SidePrefix(eventTable, prefix(namespace)), len(prefix(namespace))
	if query != "" {
		span = mvcc.SideKey(eventTable, key(namespace, query))
	}
	out := []Event{}
	now := s.now()
	err := each(ctx, s.side, span, func(r *mvcc.SideRow) error {
		var row eventRow
		if err := json.Unmarshal(r.Data, &row); err != nil {
			return fmt.Errorf("event %d in the database is damaged: %w", r.ID, err)
		}
		if row.Expires != nil && !now.Before(*row.Expires) || session != "" && row.Session != session {
			return nil
		}
		out = append(out, Event{Sequence: r.ID, Session: row.Session, Query: string(r.Key[start:]), Event: row.Event})
		return nil
	})
	slices.SortFunc(out, func(a, b Event) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return out, err
}

// Delete deletes the events of a Query by its id, and their session data; "" stands for all of the
// namespace.
func (s *Events) Delete(ctx context.Context, namespace, query string) error {
	if query == "" {
		return deleteAll(ctx, s.side, mvcc.SidePrefix(eventTable, prefix(namespace)), time.Time{})
	}
	names, err := s.namesOf(ctx, namespace, query)
	if err != nil {
		return err
	}
	for name := range names {
		if err := s.DeleteSessionQuery(ctx, namespace, name); err != nil {
			return err
		}
	}
	return deleteAll(ctx, s.side, mvcc.SideKey(eventTable, key(namespace, query)), time.Time{})
}

// namesOf returns the names of a Query according to its events.
func (s *Events) namesOf(ctx context.Context, namespace, query string) (map[string]bool, error) {
	names := map[string]bool{}
	err := each(ctx, s.side, mvcc.SideKey(eventTable, key(namespace, query)), func(r *mvcc.SideRow) error {
		var row eventRow
		var in eventBody
		if json.Unmarshal(r.Data, &row) == nil && json.Unmarshal(row.Event, &in) == nil && in.Data.QueryName != "" {
			names[in.Data.QueryName] = true
		}
		return nil
	})
	return names, err
}

// Sweep deletes expired events, sessions and messages.
func (s *Events) Sweep(ctx context.Context) error {
	for _, table := range []string{eventTable, sessionTable, messageTable} {
		if err := sweepExpired(ctx, s.side, table, s.now()); err != nil {
			return err
		}
	}
	return nil
}

// sweepExpired deletes expired rows of a table. For each key it deletes from the oldest row up to
// the first that has not expired, because the rows of one Query mostly have the same ttl.
func sweepExpired(ctx context.Context, side mvcc.SideTables, table string, now time.Time) error {
	type span struct {
		expired bool
		until   time.Time // the first row that is kept; zero for none
	}
	spans := map[string]*span{}
	err := each(ctx, side, mvcc.SidePrefix(table, nil), func(r *mvcc.SideRow) error {
		var row struct{ Expires *time.Time }
		if err := json.Unmarshal(r.Data, &row); err != nil {
			return fmt.Errorf("row %d of %s in the database is damaged: %w", r.ID, table, err)
		}
		of := spans[string(r.Key)]
		if of == nil {
			of = &span{}
			spans[string(r.Key)] = of
		}
		switch gone := row.Expires != nil && !now.Before(*row.Expires); {
		case !of.until.IsZero():
		case gone:
			of.expired = true
		default:
			of.until = r.Time
		}
		return nil
	})
	if err != nil {
		return err
	}
	for k, of := range spans {
		if !of.expired {
			continue
		}
		if err := deleteAll(ctx, side, mvcc.SideKey(table, []byte(k)), of.until); err != nil {
			return err
		}
	}
	return nil
}
