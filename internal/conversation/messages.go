package conversation

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/stream"
)

const (
	// conversationTable has one row per conversation, with NAMESPACE, 0, ID as the key.
	conversationTable = "conversations"
	// messageTable has the messages, with NAMESPACE, 0, CONVERSATION, 0, QUERY as the key, so that
	// those of one Query and those of a whole conversation can be deleted by key.
	messageTable = "messages"
	// queryTable has the conversations that a Query has added to, with NAMESPACE, 0, QUERY as the key.
	queryTable = "query_conversations"

	// MaxMessages is the most messages of a conversation.
	MaxMessages = 10_000
	// maxID bounds the ids of conversations and names of Queries: a key has three such parts.
	maxID = 160
)

// Message is a message of a conversation.
type Message struct {
	Timestamp    time.Time       `json:"timestamp"`
	Conversation string          `json:"conversation_id"`
	Query        string          `json:"query_id"`
	Message      json.RawMessage `json:"message"`
	// Sequence increases within a conversation.
	Sequence int64 `json:"sequence"`
	// Expires is when the message expires; nil for never.
	Expires *time.Time `json:"-"`
}

// Conversation is a conversation.
type Conversation struct {
	ID      string    `json:"conversation_id"`
	Created time.Time `json:"created_at"`
}

// InvalidError reports which part of a request is invalid.
type InvalidError struct{ What string }

func (e *InvalidError) Error() string { return e.What }

// Store stores conversations. It is safe for concurrent use.
type Store struct {
	side mvcc.SideTables
	feed feed
	now  func() time.Time
}

// NewStore returns the conversations of a database. now returns the current time. Watchers of
// messages are notified through the broker, including those at other replicas; if the broker is
// nil, messages cannot be watched.
func NewStore(side mvcc.SideTables, broker *stream.Broker, now func() time.Time) *Store {
	return &Store{side, feed{broker}, now}
}

func key(parts ...string) []byte {
	var out []byte
	for i, p := range parts {
		if i > 0 {
			out = append(out, 0)
		}
		out = append(out, p...)
	}
	return out
}

func prefix(parts ...string) []byte { return append(key(parts...), 0) }

func checkID(what, id string) error {
	if id == "" || len(id) > maxID || slices.Contains([]byte(id), 0) {
		return &InvalidError{fmt.Sprintf("%s is missing, or has more than %d bytes", what, maxID)}
	}
	return nil
}

// Begin creates a conversation, and returns its id.
func (s *Store) Begin(ctx context.Context, namespace string) (string, error) {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // it never fails
	id := hex.EncodeToString(random)
	return id, s.begin(ctx, namespace, id)
}

func (s *Store) begin(ctx context.Context, namespace, id string) error {
	if _, err := s.side.Append(ctx, mvcc.SideRow{Table: conversationTable, Key: key(namespace, id)}); err != nil {
		return fmt.Errorf("begin a conversation: %w", err)
	}
	return nil
}

// messageRow is the content of a row of the message table.
type messageRow struct {
	Message json.RawMessage `json:"message"`
	Expires *time.Time      `json:"expires,omitempty"`
}

// Add adds the messages of a Query to a conversation, all or none. An unknown conversation is
// created. A ttl of 0 means no expiry.
func (s *Store) Add(ctx context.Context, namespace, id, query string, messages []json.RawMessage, ttl time.Duration) error {
	if err := checkID("conversation_id", id); err != nil {
		return err
	}
	if err := checkID("query_id", query); err != nil {
		return err
	}
	known, err := s.side.Count(ctx, mvcc.SideKey(conversationTable, key(namespace, id)))
	if err != nil {
		return fmt.Errorf("look for a conversation: %w", err)
	}
	there, err := s.side.Count(ctx, mvcc.SidePrefix(messageTable, prefix(namespace, id)))
	if err != nil {
		return fmt.Errorf("count the messages: %w", err)
	}
	if int(there)+len(messages) > MaxMessages {
		return &InvalidError{fmt.Sprintf("the conversation would have more than %d messages: begin another one", MaxMessages)}
	}
	var rows []mvcc.SideRow
	if known == 0 {
		rows = append(rows, mvcc.SideRow{Table: conversationTable, Key: key(namespace, id)})
	}
	rows = append(rows, mvcc.SideRow{Table: queryTable, Key: key(namespace, query), Data: []byte(id)})
	row := messageRow{}
	if ttl > 0 {
		end := s.now().Add(ttl)
		row.Expires = &end
	}
	for i, m := range messages {
		if row.Message = m; !json.Valid(m) {
			return &InvalidError{fmt.Sprintf("message %d is not JSON", i+1)}
		}
		data, err := json.Marshal(row)
		if err != nil {
			return fmt.Errorf("encode a message: %w", err)
		}
		rows = append(rows, mvcc.SideRow{Table: messageTable, Key: key(namespace, id, query), Data: data})
	}
	if len(rows) > mvcc.MaxSideRows {
		return &InvalidError{fmt.Sprintf("there are %d messages: send at most %d at a time", len(messages), mvcc.MaxSideRows-2)}
	}
	ids, err := s.side.Append(ctx, rows...)
	if err != nil {
		return fmt.Errorf("store messages: %w", err)
	}
	first := len(rows) - len(messages)
	for i, m := range messages {
		s.feed.publish(topicMessages, namespace, Message{Timestamp: s.now().UTC(), Conversation: id, Query: query, Message: m, Sequence: ids[first+i]})
	}
	return nil
}

// Messages returns the messages of a conversation in order; query limits them to those of one
// Query, "" does not.
func (s *Store) Messages(ctx context.Context, namespace, id, query string) ([]Message, error) {
	if err := checkID("conversation_id", id); err != nil {
		return nil, err
	}
	var out []Message
	now := s.now()
	err := each(ctx, s.side, mvcc.SidePrefix(messageTable, prefix(namespace, id)), func(r *mvcc.SideRow) error {
		of := string(r.Key[len(prefix(namespace, id)):])
		if query != "" && of != query {
			return nil
		}
		var row messageRow
		if err := json.Unmarshal(r.Data, &row); err != nil {
			return fmt.Errorf("message %d in the database is damaged: %w", r.ID, err)
		}
		if row.Expires != nil && !now.Before(*row.Expires) {
			return nil
		}
		out = append(out, Message{Timestamp: r.Time.UTC(), Conversation: id, Query: of, Message: row.Message, Sequence: r.ID, Expires: row.Expires})
		return nil
	})
	slices.SortFunc(out, func(a, b Message) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return out, err
}

// List returns the conversations of a namespace, by their ids.
func (s *Store) List(ctx context.Context, namespace string) ([]Conversation, error) {
	var out []Conversation
	err := each(ctx, s.side, mvcc.SidePrefix(conversationTable, prefix(namespace)), func(r *mvcc.SideRow) error {
		id := string(r.Key[len(prefix(namespace)):])
		if len(out) == 0 || out[len(out)-1].ID != id {
			out = append(out, Conversation{id, r.Time.UTC()})
		}
		return nil
	})
	return out, err
}

// Delete deletes a conversation with its messages.
func (s *Store) Delete(ctx context.Context, namespace, id string) error {
	if err := deleteAll(ctx, s.side, mvcc.SidePrefix(messageTable, prefix(namespace, id)), time.Time{}); err != nil {
		return err
	}
	return deleteAll(ctx, s.side, mvcc.SideKey(conversationTable, key(namespace, id)), time.Time{})
}

// DeleteAll deletes all conversations of a namespace with their messages.
func (s *Store) DeleteAll(ctx context.Context, namespace string) error {
	for _, table := range []string{messageTable, queryTable, conversationTable} {
		if err := deleteAll(ctx, s.side, mvcc.SidePrefix(table, prefix(namespace)), time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// DeleteQuery deletes the messages of a Query in all conversations, or in one. It also deletes
// conversations that have no messages left.
func (s *Store) DeleteQuery(ctx context.Context, namespace, query, only string) error {
	ids := map[string]bool{}
	if only != "" {
		ids[only] = true
	} else if err := each(ctx, s.side, mvcc.SideKey(queryTable, key(namespace, query)), func(r *mvcc.SideRow) error {
		ids[string(r.Data)] = true
		return nil
	}); err != nil {
		return err
	}
	for id := range ids {
		if err := deleteAll(ctx, s.side, mvcc.SideKey(messageTable, key(namespace, id, query)), time.Time{}); err != nil {
			return err
		}
		left, err := s.side.Count(ctx, mvcc.SidePrefix(messageTable, prefix(namespace, id)))
		if err != nil {
			return fmt.Errorf("count the messages: %w", err)
		}
		if left == 0 {
			if err := deleteAll(ctx, s.side, mvcc.SideKey(conversationTable, key(namespace, id)), time.Time{}); err != nil {
				return err
			}
		}
	}
	if only != "" {
		return nil
	}
	return deleteAll(ctx, s.side, mvcc.SideKey(queryTable, key(namespace, query)), time.Time{})
}

// each calls do for each row of a span.
func each(ctx context.Context, side mvcc.SideTables, span mvcc.SideSpan, do func(*mvcc.SideRow) error) error {
	for q := (mvcc.SideQuery{SideSpan: span, MaxBytes: mvcc.MaxSideData}); ; {
		page, err := side.Page(ctx, q)
		if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		for i := range page.Rows {
			if err := do(&page.Rows[i]); err != nil {
				return err
			}
			q.After = page.Rows[i].Cursor()
		}
		if !page.More {
			return nil
		}
	}
}
