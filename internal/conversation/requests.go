package conversation

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	// requestTable has one row per request, with NAMESPACE, 0, QUERY as the key.
	requestTable = "chat_requests"
	// requestAge is how long a request is kept if it is not deleted earlier: longer than a Query runs.
	requestAge = 7 * 24 * time.Hour
	// deleteStep is how many rows are deleted at a time.
	deleteStep = 500
)

// Request is the part of a request that is stored separately from its Query.
type Request struct {
	// Messages are the client's messages in OpenAI's form, with the question last.
	Messages []json.RawMessage `json:"messages"`
	// Tools are functions that the client calls itself.
	Tools []json.RawMessage `json:"tools,omitempty"`
	// Parameters are added to calls of the model.
	Parameters map[string]json.RawMessage `json:"parameters,omitempty"`
}

// Requests stores requests. It is safe for concurrent use.
type Requests struct {
	side mvcc.SideTables
	now  func() time.Time
}

// NewRequests returns the requests of a database. now returns the current time.
func NewRequests(side mvcc.SideTables, now func() time.Time) *Requests {
	return &Requests{side: side, now: now}
}

type requestRow struct {
	ID string `json:"id"`
	Request
}

// ErrNotFound is the error for a request that is not stored, or no longer.
var ErrNotFound = errors.New("what its client has sent is not kept any more")

// requestKey is the key of a Query's request.
func requestKey(namespace, query string) []byte { return []byte(namespace + "\x00" + query) }

// Keep stores a request for the Query that will have a name, and returns its id. The Query has to
// carry that id, so that a Query that another client creates under the name does not get the
// request.
func (s *Requests) Keep(ctx context.Context, namespace, query string, r Request) (string, error) {
	row := requestRow{ID: rand.Text(), Request: r}
	data, err := json.Marshal(row)
	if err != nil {
		return "", fmt.Errorf("encode a request: %w", err)
	}
	if _, err := s.side.Append(ctx, mvcc.SideRow{Table: requestTable, Key: requestKey(namespace, query), Data: data}); err != nil {
		return "", fmt.Errorf("store a request: %w", err)
	}
	return row.ID, nil
}

// Get returns the request with an id.
func (s *Requests) Get(ctx context.Context, namespace, query, id string) (*Request, error) {
	page, err := s.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(requestTable, requestKey(namespace, query)), MaxBytes: mvcc.MaxSideData})
	if err != nil {
		return nil, fmt.Errorf("read a request: %w", err)
	}
	for i := range page.Rows {
		var row requestRow
		if err := json.Unmarshal(page.Rows[i].Data, &row); err != nil {
			return nil, fmt.Errorf("a request in the database is damaged: %w", err)
		}
		if row.ID == id {
			return &row.Request, nil
		}
	}
	return nil, ErrNotFound
}

// Forget deletes the request of a Query.
func (s *Requests) Forget(ctx context.Context, namespace, query string) error {
	return deleteAll(ctx, s.side, mvcc.SideKey(requestTable, requestKey(namespace, query)), time.Time{})
}

// Sweep deletes expired requests.
func (s *Requests) Sweep(ctx context.Context) error {
	return deleteAll(ctx, s.side, mvcc.SidePrefix(requestTable, nil), s.now().Add(-requestAge))
}

func deleteAll(ctx context.Context, side mvcc.SideTables, span mvcc.SideSpan, before time.Time) error {
	for {
		_, more, err := side.Delete(ctx, span, before, deleteStep)
		if err != nil {
			return fmt.Errorf("delete rows: %w", err)
		}
		if !more {
			return nil
		}
	}
}
