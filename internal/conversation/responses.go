package conversation

import (
	"context"
	"fmt"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	// responseTable has one row per response, with the UID of its Query as the key.
	responseTable = "chat_responses"
	// responseAge is how long a response is kept: the default for a Query.
	responseAge = 30 * 24 * time.Hour
)

// Responses stores the data of responses that their Queries do not contain. It is safe for
// concurrent use.
type Responses struct {
	side mvcc.SideTables
	now  func() time.Time
}

// NewResponses returns the responses of a database. now returns the current time.
func NewResponses(side mvcc.SideTables, now func() time.Time) *Responses {
	return &Responses{side: side, now: now}
}

// Keep stores data under a UID. There is one entry for each UID.
func (s *Responses) Keep(ctx context.Context, uid string, data []byte) error {
	if err := checkID("the id of a response", uid); err != nil {
		return err
	}
	if _, err := s.side.Append(ctx, mvcc.SideRow{Table: responseTable, Key: []byte(uid), Data: data}); err != nil {
		return fmt.Errorf("store a response: %w", err)
	}
	return nil
}

// Get returns the data of a UID, or nil if there are none.
func (s *Responses) Get(ctx context.Context, uid string) ([]byte, error) {
	page, err := s.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(responseTable, []byte(uid)), Limit: 1, MaxBytes: mvcc.MaxSideData})
	if err != nil {
		return nil, fmt.Errorf("read a response: %w", err)
	}
	if len(page.Rows) == 0 {
		return nil, nil
	}
	return page.Rows[0].Data, nil
}

// Forget deletes the data of a UID.
func (s *Responses) Forget(ctx context.Context, uid string) error {
	return deleteAll(ctx, s.side, mvcc.SideKey(responseTable, []byte(uid)), time.Time{})
}

// Sweep deletes expired responses.
func (s *Responses) Sweep(ctx context.Context) error {
	return deleteAll(ctx, s.side, mvcc.SidePrefix(responseTable, nil), s.now().Add(-responseAge))
}
