package token

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// table is the side table: a row a token, with its hash as the key.
const table = "tokens"

// Store keeps tokens in the side tables of a database. It is safe for concurrent use.
type Store struct {
	side mvcc.SideTables
	now  func() time.Time
	// journal is nil where changes are not kept.
	journal Journal

	mu sync.Mutex
	// known are the tokens that were found in the database.
	known map[hash]answer
	// revoked counts revocations: an answer from before one is not remembered.
	revoked int
}

// Journal keeps what happens to tokens.
type Journal interface {
	// Created and Removed are called once it has happened; expired says that nobody has revoked the
	// token.
	Created(ctx context.Context, t *Token) error
	Removed(ctx context.Context, t *Token, expired bool) error
}

// Keep has what happens to tokens from now on kept. Call it before the store is used.
func (s *Store) Keep(j Journal) { s.journal = j }

// New returns the tokens of a database. now is the clock.
func New(side mvcc.SideTables, now func() time.Time) *Store {
	return &Store{side: side, now: now, known: map[hash]answer{}}
}

// ErrNotFound is Revoke's answer for an ID that no token has.
var ErrNotFound = errors.New("there is no such token")

// Create makes a token and returns its text, which is kept nowhere. Tokens that have expired are
// deleted.
func (s *Store) Create(ctx context.Context, r Request) (*Token, string, error) {
	if err := r.Validate(); err != nil {
		return nil, "", err
	}
	if err := s.sweep(ctx); err != nil {
		return nil, "", err
	}
	prefix := Prefix
	if r.Chat != nil {
		prefix = ChatPrefix
	}
	text, h := newText(prefix)
	t := &Token{ID: h.id(), User: r.User, Groups: r.Groups, Chat: r.Chat, Created: s.now().UTC().Truncate(time.Second)}
	if r.TTLSeconds > 0 {
		end := t.Created.Add(time.Duration(r.TTLSeconds) * time.Second)
		t.Expires = &end
	}
	data, err := json.Marshal(t)
	if err != nil {
		return nil, "", fmt.Errorf("encode a token: %w", err)
	}
	if _, err := s.side.Append(ctx, mvcc.SideRow{Table: table, Key: h[:], Data: data}); err != nil {
		return nil, "", fmt.Errorf("store a token: %w", err)
	}
	if s.journal != nil {
		if err := s.journal.Created(ctx, t); err != nil {
			return nil, "", errors.Join(fmt.Errorf("note a token: %w", err), s.remove(context.WithoutCancel(ctx), h))
		}
	}
	return t, text, nil
}

// List returns all tokens that are good, the oldest first.
func (s *Store) List(ctx context.Context) ([]Token, error) {
	all := []Token{}
	now := s.now()
	err := s.each(ctx, mvcc.SidePrefix(table, nil), func(_ hash, t *Token) error {
		if !t.Expired(now) {
			all = append(all, *t)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Token) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.User, b.User), strings.Compare(a.ID, b.ID))
	})
	return all, err
}

// Users counts the users who have a token that is good.
func (s *Store) Users(ctx context.Context) (int, error) {
	all, err := s.List(ctx)
	return Users(all), err
}

// Users counts the users of tokens.
func Users(all []Token) int {
	users := map[string]bool{}
	for i := range all {
		users[all[i].User] = true
	}
	return len(users)
}

// Revoke deletes a token, which this replica refuses once it returns. The error is ErrNotFound for
// an ID that none has.
func (s *Store) Revoke(ctx context.Context, id string) (*Token, error) {
	prefix, err := hex.DecodeString(id)
	if err != nil || len(prefix) != idBytes {
		return nil, ErrNotFound
	}
	var found *Token
	err = s.each(ctx, mvcc.SidePrefix(table, prefix), func(h hash, t *Token) error {
		found = t
		return s.end(ctx, h, t, false)
	})
	if err == nil && found == nil {
		err = ErrNotFound
	}
	return found, err
}

// remove deletes the row of a token, and forgets it.
func (s *Store) remove(ctx context.Context, h hash) error {
	_, _, err := s.side.Delete(ctx, mvcc.SideKey(table, h[:]), time.Time{}, 1)
	s.forget(h)
	if err != nil {
		return fmt.Errorf("delete token %s: %w", h.id(), err)
	}
	return nil
}

// sweep deletes the tokens that have expired.
func (s *Store) sweep(ctx context.Context) error {
	now := s.now()
	return s.each(ctx, mvcc.SidePrefix(table, nil), func(h hash, t *Token) error {
		if !t.Expired(now) {
			return nil
		}
		return s.end(ctx, h, t, true)
	})
}

// end removes a token, and notes it.
func (s *Store) end(ctx context.Context, h hash, t *Token, expired bool) error {
	if err := s.remove(ctx, h); err != nil || s.journal == nil {
		return err
	}
	if err := s.journal.Removed(ctx, t, expired); err != nil {
		return fmt.Errorf("token %s is removed, but that was not noted: %w", t.ID, err)
	}
	return nil
}

// each calls do with the tokens of a span.
func (s *Store) each(ctx context.Context, span mvcc.SideSpan, do func(hash, *Token) error) error {
	for q := (mvcc.SideQuery{SideSpan: span}); ; {
		page, err := s.side.Page(ctx, q)
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		for i := range page.Rows {
			row := &page.Rows[i]
			h, t, err := decode(row.Key, row.Data)
			if err == nil {
				err = do(h, t)
			}
			if err != nil {
				return err
			}
			q.After = row.Cursor()
		}
		if !page.More {
			return nil
		}
	}
}
