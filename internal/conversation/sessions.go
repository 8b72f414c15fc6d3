package conversation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// sessionEvent is the session data of an event.
type sessionEvent struct {
	SessionID      string `json:"sessionId,omitempty"`
	QueryName      string `json:"queryName,omitempty"`
	QueryNamespace string `json:"queryNamespace,omitempty"`
	ConversationID string `json:"conversationId,omitempty"`
	Agent          string `json:"agent,omitempty"`
	Team           string `json:"team,omitempty"`
	Tool           string `json:"tool,omitempty"`
	ToolName       string `json:"toolName,omitempty"`
	TargetType     string `json:"targetType,omitempty"`
	Error          string `json:"error,omitempty"`
	Reason         string `json:"_reason,omitempty"`
}

type sessionEventRow struct {
	sessionEvent
	Expires *time.Time `json:"expires,omitempty"`
}

// sessionChange notifies watchers that a session has changed.
type sessionChange struct {
	Session string `json:"session"`
}

// Session is the state that results from the events of a session, in the form of Ark's brokers.
type Session struct {
	ID            string                   `json:"sessionId"`
	Name          string                   `json:"name"`
	Queries       map[string]*SessionQuery `json:"queries"`
	Status        string                   `json:"status"`
	Errors        int                      `json:"errorCount"`
	Participants  []Participant            `json:"participants"`
	Conversations []SessionConversation    `json:"conversations"`
	Created       time.Time                `json:"createdAt"`
	Active        time.Time                `json:"lastActivity"`
}

// SessionQuery is a Query of a session.
type SessionQuery struct {
	Name         string     `json:"name"`
	Namespace    string     `json:"namespace,omitempty"`
	Conversation string     `json:"conversationId,omitempty"`
	Agent        string     `json:"agent,omitempty"`
	Team         string     `json:"team,omitempty"`
	Tool         string     `json:"tool,omitempty"`
	TargetType   string     `json:"targetType"`
	Phase        string     `json:"phase"`
	Error        string     `json:"error,omitempty"`
	Created      time.Time  `json:"createdAt"`
	Completed    *time.Time `json:"completedAt,omitempty"`
	Active       time.Time  `json:"lastActivity"`
}

// SessionConversation is a conversation of a session.
type SessionConversation struct {
	ID              string    `json:"conversationId"`
	Name            string    `json:"name"`
	Participants    []string  `json:"participants"`
	Messages        int       `json:"messageCount"`
	Duration        string    `json:"duration"`
	Start           time.Time `json:"startTime"`
	ParticipantType string    `json:"participantType"`
	Errors          int       `json:"errorCount"`
}

// Participant is a participant of a session.
type Participant struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// Statuses of sessions and phases of their Queries.
const (
	statusActive, statusIdle, statusError               = "active", "idle", "error"
	phaseRunning, phaseDone, phaseError, phaseCancelled = "running", "done", "error", "canceled"
)

// sessionRow returns the row for an event; ok is false for an event without a session.
func sessionRow(namespace string, e sessionEvent, expires *time.Time) (row mvcc.SideRow, ok bool, err error) {
	if e.SessionID == "" || e.QueryName == "" || len(e.QueryName) > maxName {
		return row, false, nil
	}
	data, err := json.Marshal(sessionEventRow{e, expires})
	if err != nil {
		return row, false, fmt.Errorf("encode a session: %w", err)
	}
	return mvcc.SideRow{Table: sessionTable, Key: key(namespace, e.QueryName), Data: data}, true, nil
}

// AddSession stores session data that an engine sends without an event.
func (s *Events) AddSession(ctx context.Context, namespace string, body []byte) error {
	var in sessionEvent
	if json.Unmarshal(body, &in) != nil {
		return &InvalidError{"the body is to be JSON with sessionId and queryName"}
	}
	row, ok, err := sessionRow(namespace, in, s.expiry(0))
	if err != nil {
		return err
	}
	if !ok {
		return &InvalidError{"sessionId or queryName is missing"}
	}
	if there, err := s.side.Count(ctx, mvcc.SideKey(sessionTable, row.Key)); err != nil {
		return fmt.Errorf("count the events: %w", err)
	} else if there >= MaxEvents {
		return &InvalidError{fmt.Sprintf("the query has %d events, which is the most", MaxEvents)}
	}
	if _, err := s.side.Append(ctx, row); err != nil {
		return fmt.Errorf("store a session: %w", err)
	}
	s.feed.publish(topicSessions, namespace, sessionChange{in.SessionID})
	return nil
}

// DeleteSessionQuery removes a Query from all sessions; "" stands for all Queries of the namespace.
func (s *Events) DeleteSessionQuery(ctx context.Context, namespace, name string) error {
	span := mvcc.SideKey(sessionTable, key(namespace, name))
	if name == "" {
		span = mvcc.SidePrefix(sessionTable, prefix(namespace))
	}
	return deleteAll(ctx, s.side, span, time.Time{})
}

// Sessions returns the sessions of a namespace by their ids; only limits them to one, "" does not.
func (s *Events) Sessions(ctx context.Context, namespace, only string) (map[string]*Session, error) {
	type at struct {
		id   int64
		time time.Time
		sessionEvent
	}
	var events []at
	now := s.now()
	err := each(ctx, s.side, mvcc.SidePrefix(sessionTable, prefix(namespace)), func(r *mvcc.SideRow) error {
		var row sessionEventRow
		if err := json.Unmarshal(r.Data, &row); err != nil {
			return fmt.Errorf("row %d of sessions in the database is damaged: %w", r.ID, err)
		}
		if (row.Expires == nil || now.Before(*row.Expires)) && (only == "" || row.SessionID == only) {
			events = append(events, at{r.ID, r.Time.UTC(), row.sessionEvent})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(events, func(a, b at) int { return cmp.Compare(a.id, b.id) })
	out := map[string]*Session{}
	for _, e := range events {
		one := out[e.SessionID]
		if one == nil {
			one = &Session{ID: e.SessionID, Name: strings.TrimPrefix(e.SessionID, "session-"), Queries: map[string]*SessionQuery{}, Created: e.time}
			out[e.SessionID] = one
		}
		one.apply(e.sessionEvent, e.time)
	}
	for _, one := range out {
		one.summarize()
	}
	return out, nil
}

// phaseOf returns the phase of a Query by the reason of an event.
func phaseOf(e sessionEvent) string {
	switch {
	case e.Reason == "QueryExecutionComplete" && e.Error == "":
		return phaseDone
	case e.Reason == "QueryExecutionComplete":
		return phaseError
	case strings.Contains(e.Reason, "Canceled"):
		return phaseCancelled
	case strings.Contains(e.Reason, "Error"):
		return phaseError
	}
	return phaseRunning
}

// apply applies an event to a session.
func (s *Session) apply(e sessionEvent, at time.Time) {
	s.Active = at
	q := s.Queries[e.QueryName]
	if q == nil {
		q = &SessionQuery{Name: e.QueryName, Namespace: e.QueryNamespace, TargetType: "agent", Phase: phaseRunning, Created: at}
		s.Queries[e.QueryName] = q
	}
	q.Active = at
	q.Conversation = cmp.Or(q.Conversation, e.ConversationID)
	q.Agent, q.Team, q.Tool = cmp.Or(q.Agent, e.Agent), cmp.Or(q.Team, e.Team), cmp.Or(q.Tool, e.Tool, e.ToolName)
	if e.TargetType != "" && q.TargetType == "agent" {
		q.TargetType = e.TargetType
	}
	switch phase := phaseOf(e); {
	case phase == phaseError:
		q.Phase, q.Error, q.Completed = phase, e.Error, &at
	case phase == phaseCancelled && q.Phase != phaseError:
		q.Phase, q.Completed = phase, &at
	case phase == phaseDone && q.Phase != phaseCancelled:
		// A query that waited for an approval was recorded as an error before.
		q.Phase, q.Error, q.Completed = phase, "", &at
	}
}

// summarize derives the session's status from its Queries.
func (s *Session) summarize() {
	s.Status, s.Participants, s.Conversations = statusIdle, []Participant{}, []SessionConversation{}
	queries := slices.SortedFunc(maps.Values(s.Queries), func(a, b *SessionQuery) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	latest := queries[0]
	conversations := map[string]int{}
	active := false
	for _, q := range queries {
		active = active || q.Phase == phaseRunning
		if q.Phase == phaseError {
			s.Errors++
		}
		if q.Active.After(latest.Active) {
			latest = q
		}
		if q.Conversation == "" {
			continue
		}
		at, known := conversations[q.Conversation]
		if !known {
			at = len(s.Conversations)
			conversations[q.Conversation] = at
			s.Conversations = append(s.Conversations, newSessionConversation(q))
		}
		s.Conversations[at].add(q)
	}
	switch {
	case active:
		s.Status = statusActive
	case latest.Phase == phaseError:
		s.Status = statusError
	}
	for _, c := range s.Conversations {
		if !slices.ContainsFunc(s.Participants, func(p Participant) bool { return p.ID == c.Name }) {
			s.Participants = append(s.Participants, Participant{c.Name, c.Name, c.ParticipantType})
		}
	}
}

func newSessionConversation(q *SessionQuery) SessionConversation {
	kind := q.TargetType
	if kind != "team" && kind != "tool" {
		kind = "agent"
	}
	return SessionConversation{ID: q.Conversation, Name: q.Conversation, Participants: []string{}, Start: q.Created, ParticipantType: kind}
}

func (c *SessionConversation) add(q *SessionQuery) {
	c.Messages++
	if q.Phase == phaseError {
		c.Errors++
	}
	if name := cmp.Or(q.Team, q.Agent, q.Tool); name != "" && !slices.Contains(c.Participants, name) {
		c.Participants = append(c.Participants, name)
		c.Name = c.Participants[0]
	}
	c.Duration = "ongoing"
	if q.Completed != nil {
		seconds := int(q.Completed.Sub(c.Start).Seconds())
		if c.Duration = fmt.Sprintf("%ds", seconds); seconds >= 60 {
			c.Duration = fmt.Sprintf("%dm %ds", seconds/60, seconds%60)
		}
	}
}
