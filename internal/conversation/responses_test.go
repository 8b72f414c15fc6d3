package conversation

import (
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/storetest"
)

func TestResponses(t *testing.T) {
	ctx := t.Context()
	now := time.Now()
	s := NewResponses(storetest.Open(t).Side(), func() time.Time { return now })
	want := func(uid, data string) {
		t.Helper()
		if got, err := s.Get(ctx, uid); err != nil || string(got) != data {
			t.Errorf("%s: got %q, %v, want %q", uid, got, err, data)
		}
	}
	for _, uid := range []string{"a", "ab"} {
		if err := s.Keep(ctx, uid, []byte("of "+uid)); err != nil {
			t.Fatal(err)
		}
	}
	want("a", "of a")
	want("ab", "of ab")
	want("b", "")
	if err := s.Forget(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	want("a", "")
	want("ab", "of ab")
	if err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	want("ab", "of ab")
	now = now.Add(responseAge + time.Hour)
	if err := s.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	want("ab", "")
	if err := s.Keep(ctx, "", nil); err == nil {
		t.Error("a response without an id is kept")
	}
}
