package keylimit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/storetest"
	"github.com/mckinsey/ark-server/internal/token"
)

// TestExact sends many requests at once: exactly as many are admitted as the limit allows, and the
// others get the time of the next attempt.
func TestExact(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := New(storetest.Open(t).Side(), func() time.Time { return now })
	limits := token.Limits{RequestsPerMinute: 7}
	var passed atomic.Int64
	var asking sync.WaitGroup
	for range 30 {
		asking.Go(func() {
			s, ok, err := l.Admit(t.Context(), "k", limits)
			switch {
			case err != nil:
				t.Error(err)
			case ok:
				passed.Add(1)
			case !s.Requests.Reached() || s.Requests.Remaining() != 0 || s.Requests.Reset != time.Minute:
				t.Errorf("refused with %+v", s)
			}
		})
	}
	asking.Wait()
	if passed.Load() != 7 {
		t.Errorf("%d requests have passed, want 7", passed.Load())
	}
	if _, ok, err := l.Admit(t.Context(), "other", limits); !ok || err != nil {
		t.Errorf("another key is refused: %v", err)
	}
}

// TestWindows advances the time: the use expires after a minute and a day, and not before.
func TestWindows(t *testing.T) {
	now := time.Date(2026, 1, 2, 22, 0, 0, 0, time.UTC)
	l := New(storetest.Open(t).Side(), func() time.Time { return now })
	limits := token.Limits{RequestsPerMinute: 2, TokensPerMinute: 100, TokensPerDay: 150}
	ask := func(want bool) Standing {
		t.Helper()
		s, ok, err := l.Admit(t.Context(), "k", limits)
		if err != nil || ok != want {
			t.Fatalf("at %s: passed is %v with %+v, %v", now.Format(time.TimeOnly), ok, s, err)
		}
		return s
	}
	use := func(tokens int64) {
		t.Helper()
		if err := l.Used(t.Context(), "k", tokens); err != nil {
			t.Fatal(err)
		}
	}
	if s := ask(true); s.Requests.Remaining() != 1 || s.Requests.Reset != time.Minute {
		t.Errorf("got %+v", s)
	}
	now = now.Add(20 * time.Second)
	ask(true)
	now = now.Add(20 * time.Second)
	if s := ask(false); s.Requests.Reset != 20*time.Second {
		t.Errorf("got %+v", s)
	}
	now = now.Add(19 * time.Second)
	ask(false)
	now = now.Add(time.Second)
	use(99)
	if s := ask(true); s.Tokens.Remaining() != 1 || s.Day.Remaining() != 51 || s.Requests.Reset != 20*time.Second {
		t.Errorf("got %+v", s)
	}
	use(1)
	now = now.Add(30 * time.Second)
	if s := ask(false); !s.Tokens.Reached() || s.Tokens.Reset != 30*time.Second || s.Requests.Reached() {
		t.Errorf("got %+v", s)
	}
	now = now.Add(30 * time.Second)
	use(50)
	if s := ask(false); !s.Day.Reached() || s.Day.Reset != dayOf(now).Add(24*time.Hour).Sub(now) {
		t.Errorf("got %+v", s)
	}
	now = now.Add(2 * time.Hour) // the next day
	if s := ask(true); s.Day.Used != 0 {
		t.Errorf("got %+v", s)
	}
}

// TestReplicas has two ledgers of one database: each counts the requests that the other has
// admitted, and those before it started.
func TestReplicas(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	side := storetest.Open(t).Side()
	limits := token.Limits{RequestsPerMinute: 4, TokensPerDay: 1000}
	one, two := New(side, clock), New(side, clock)
	for i, l := range []*Ledger{one, two, two, one} {
		if s, ok, err := l.Admit(t.Context(), "k", limits); !ok || err != nil || s.Requests.Used != int64(i)+1 {
			t.Fatalf("request %d: %+v, %v", i, s, err)
		}
	}
	if err := one.Used(t.Context(), "k", 400); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Ledger{one, two, New(side, clock)} {
		if s, ok, err := l.Admit(t.Context(), "k", limits); ok || err != nil || s.Day.Used != 400 {
			t.Errorf("got %+v, %v", s, err)
		}
	}
	now = now.Add(age + time.Hour)
	if err := one.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := side.Count(t.Context(), mvcc.SidePrefix(table, nil)); n != 0 || err != nil {
		t.Errorf("%d rows are left, %v", n, err)
	}
}
