package token

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// cacheTTL is how long an answer of the database is good: another replica may revoke the token
// meanwhile.
const cacheTTL = 500 * time.Millisecond

// answer is a token that the database had when it was asked.
type answer struct {
	token *Token
	asked time.Time
}

var _ authenticator.Token = &Store{}

// AuthenticateToken implements authenticator.Token. While the database does not answer, a token
// that was good stays good: nobody can revoke it either.
func (s *Store) AuthenticateToken(ctx context.Context, text string) (*authenticator.Response, bool, error) {
	h, ok := hashOf(text)
	if !ok {
		return nil, false, nil
	}
	t, err := s.find(ctx, h)
	if err != nil || t == nil || t.Expired(s.now()) {
		return nil, false, err
	}
	extra := map[string][]string{user.CredentialIDKey: {"ARKTOKEN=" + t.ID}}
	if t.Chat != nil {
		extra[ExtraNamespace] = []string{t.Chat.Namespace}
		if len(t.Chat.Targets) > 0 {
			extra[ExtraTarget] = slices.Clone(t.Chat.Targets)
		}
		if limits := t.Chat.Limits.Texts(); len(limits) > 0 {
			extra[ExtraLimit] = limits
		}
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: t.User, Groups: t.Groups, Extra: extra}}, true, nil
}

// find returns a token by its hash, nil where there is none.
func (s *Store) find(ctx context.Context, h hash) (*Token, error) {
	now := s.now()
	s.mu.Lock()
	last, known := s.known[h]
	revoked := s.revoked
	s.mu.Unlock()
	if age := now.Sub(last.asked); known && 0 <= age && age < cacheTTL {
		return last.token, nil
	}
	page, err := s.side.Page(ctx, mvcc.SideQuery{SideSpan: mvcc.SideKey(table, h[:]), Limit: 1})
	if err != nil {
		if known {
			return last.token, nil
		}
		return nil, fmt.Errorf("look up a token: %w", err)
	}
	var t *Token
	if len(page.Rows) > 0 {
		if _, t, err = decode(page.Rows[0].Key, page.Rows[0].Data); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case t == nil:
		delete(s.known, h)
	case s.revoked == revoked:
		s.known[h] = answer{t, now}
	}
	return t, nil
}

// forget drops what is remembered of a token that was revoked.
func (s *Store) forget(h hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, h)
	s.revoked++
}
