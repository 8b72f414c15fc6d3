package token

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/storetest"
)

// clock is a time that tests set.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// whose returns the user of a token, "" for none.
func whose(t *testing.T, s *Store, text string) string {
	t.Helper()
	answer, ok, err := s.AuthenticateToken(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return ""
	}
	return answer.User.GetName()
}

func create(t *testing.T, s *Store, r Request) (*Token, string) {
	t.Helper()
	made, text, err := s.Create(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return made, text
}

func TestTokens(t *testing.T) {
	side, c := storetest.Open(t).Side(), &clock{time.Now()}
	s, replica := New(side, c.now), New(side, c.now)
	alice, text := create(t, s, Request{User: "alice", Groups: []string{"dev", "ops"}, TTLSeconds: 60})
	_, other := create(t, s, Request{User: "bob"})
	answer, ok, err := replica.AuthenticateToken(t.Context(), text)
	if err != nil || !ok || answer.User.GetName() != "alice" || strings.Join(answer.User.GetGroups(), ",") != "dev,ops" {
		t.Fatalf("got %v, %t, %v", answer, ok, err)
	}
	if id := answer.User.GetExtra()[user.CredentialIDKey]; len(id) != 1 || id[0] != "ARKTOKEN="+alice.ID {
		t.Errorf("the credential is %v", id)
	}
	for _, wrong := range []string{"", "wrong", Prefix, text + "A", text[:len(text)-1], "ark_" + strings.Repeat("A", 43), alice.ID, strings.ToUpper(text)} {
		if got := whose(t, s, wrong); got != "" {
			t.Errorf("%q is of %s", wrong, got)
		}
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != alice.ID || all[0].Expires == nil || all[1].Expires != nil {
		t.Errorf("got %+v, %v", all, err)
	}

	c.Time = c.Add(61 * time.Second)
	if whose(t, s, text) != "" || whose(t, replica, text) != "" {
		t.Error("a token that has expired is good")
	}
	c.Time = c.Add(50 * 365 * 24 * time.Hour)
	if whose(t, s, other) != "bob" {
		t.Error("a token without an end has one")
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("a token that has expired is listed: %+v, %v", all, err)
	}
	// The next one that is made sweeps.
	create(t, s, Request{User: "carol"})
	if n, err := side.Count(t.Context(), mvcc.SidePrefix(table, nil)); err != nil || n != 2 {
		t.Errorf("there are %d rows, %v", n, err)
	}
}

// A token that was revoked is refused at once, and by other replicas within cacheTTL.
func TestRevoked(t *testing.T) {
	side, c := storetest.Open(t).Side(), &clock{time.Now()}
	s, replica := New(side, c.now), New(side, c.now)
	made, text := create(t, s, Request{User: "alice"})
	if whose(t, s, text) != "alice" || whose(t, replica, text) != "alice" {
		t.Fatal("the token is not good")
	}
	if gone, err := s.Revoke(t.Context(), made.ID); err != nil || gone.User != "alice" {
		t.Fatalf("got %v, %v", gone, err)
	}
	if whose(t, s, text) != "" {
		t.Error("it is good where it was revoked")
	}
	c.Time = c.Add(cacheTTL)
	if whose(t, replica, text) != "" {
		t.Error("it is good at another replica")
	}
	for _, id := range []string{made.ID, "", "x", strings.Repeat("0", 16), strings.Repeat("0", 64)} {
		if _, err := s.Revoke(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("revoking %q: got %v", id, err)
		}
	}
}

// down are side tables that do not answer.
type down struct{ mvcc.SideTables }

func (down) Page(context.Context, mvcc.SideQuery) (mvcc.SidePage, error) {
	return mvcc.SidePage{}, mvcc.ErrUnavailable
}

// While the database does not answer, tokens that were good are, and others are not known to be
// wrong.
func TestOutage(t *testing.T) {
	c := &clock{time.Now()}
	s := New(storetest.Open(t).Side(), c.now)
	_, text := create(t, s, Request{User: "alice", TTLSeconds: 3600})
	_, unseen := create(t, s, Request{User: "bob"})
	if whose(t, s, text) != "alice" {
		t.Fatal("the token is not good")
	}
	s.side = down{s.side}
	c.Time = c.Add(time.Minute)
	if whose(t, s, text) != "alice" {
		t.Error("a token that was good is not")
	}
	if _, ok, err := s.AuthenticateToken(t.Context(), unseen); ok || !errors.Is(err, mvcc.ErrUnavailable) {
		t.Errorf("got %t, %v", ok, err)
	}
	c.Time = c.Add(time.Hour)
	if whose(t, s, text) != "" {
		t.Error("a token that has expired is good")
	}
}

func TestRequests(t *testing.T) {
	for _, r := range []Request{
		{}, {User: " alice"}, {User: "a\nb"}, {User: strings.Repeat("a", 257)}, {User: "system:anonymous"}, {User: "system:serviceaccount:default:default"},
		{User: "a", Groups: []string{""}}, {User: "a", Groups: []string{"system:unauthenticated"}}, {User: "a", Groups: make([]string, 101)},
		{User: "a", TTLSeconds: -1}, {User: "a", TTLSeconds: 1 << 40},
	} {
		var invalid *InvalidError
		if err := r.Validate(); !errors.As(err, &invalid) {
			t.Errorf("%+v: got %v", r, err)
		}
	}
	for _, r := range []Request{{User: "a"}, {User: "alice@example.com", Groups: []string{"system:masters"}, TTLSeconds: 1}} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
