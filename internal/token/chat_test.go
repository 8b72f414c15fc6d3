package token

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/storetest"
)

// A key for chat bounds its user, and its random bytes are no token with the other prefix.
func TestChatKey(t *testing.T) {
	s := New(storetest.Open(t).Side(), time.Now)
	_, free := create(t, s, Request{User: "alice"})
	made, key := create(t, s, Request{User: "alice", Chat: &Chat{Namespace: "team-a", Targets: []string{"agent/guide", "model/default"}}})
	if !strings.HasPrefix(key, "sk-ark-") || made.Chat == nil || !strings.HasPrefix(free, "ark_") {
		t.Fatalf("got %+v", made)
	}
	answer, ok, err := s.AuthenticateToken(t.Context(), key)
	if err != nil || !ok || answer.User.GetName() != "alice" {
		t.Fatalf("got %v, %t, %v", answer, ok, err)
	}
	extra := answer.User.GetExtra()
	if got := strings.Join(extra[ExtraNamespace], ","); got != "team-a" {
		t.Errorf("the namespace is %q", got)
	}
	if got := strings.Join(extra[ExtraTarget], ","); got != "agent/guide,model/default" {
		t.Errorf("the targets are %q", got)
	}
	if answer, _, _ := s.AuthenticateToken(t.Context(), free); len(answer.User.GetExtra()[ExtraNamespace]) != 0 {
		t.Error("a token without bounds has a namespace")
	}
	for _, wrong := range []string{Prefix + strings.TrimPrefix(key, ChatPrefix), ChatPrefix + strings.TrimPrefix(free, Prefix), "sk-" + strings.TrimPrefix(key, ChatPrefix)} {
		if got := whose(t, s, wrong); got != "" {
			t.Errorf("with another prefix it is a token of %s", got)
		}
	}
	if _, err := s.Revoke(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if got := whose(t, s, key); got != "" {
		t.Errorf("a revoked key is %s's", got)
	}
	for _, wrong := range []Chat{
		{}, {Namespace: "Team"}, {Namespace: "a/b"}, {Namespace: "a", Targets: []string{"guide"}}, {Namespace: "a", Targets: []string{"gpt/4"}},
		{Namespace: "a", Targets: []string{"agent/"}}, {Namespace: "a", Targets: []string{"b/agent/c"}}, {Namespace: "a", Targets: make([]string, 101)},
	} {
		_, _, err := s.Create(t.Context(), Request{User: "alice", Chat: &wrong})
		if invalid := (*InvalidError)(nil); !errors.As(err, &invalid) {
			t.Errorf("%+v: got %v", wrong, err)
		}
	}
}
