package mvcc

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestOutageLog: the cause of a failure is logged at once, a lasting one once a minute with a
// count, and its end once.
func TestOutageLog(t *testing.T) {
	var text bytes.Buffer
	clock := time.Unix(1000, 0)
	o := &outage{
		log:   slog.New(slog.NewTextHandler(&text, nil)),
		fails: "no writes", works: "writes again",
		now: func() time.Time { return clock },
	}
	lines := func() []string {
		defer text.Reset()
		return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	}
	expect := func(when string, want ...string) {
		t.Helper()
		got := lines()
		if len(want) == 0 && len(got) == 1 && got[0] == "" {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%s: got %d lines %q, want %d", when, len(got), got, len(want))
		}
		for i, w := range want {
			for _, part := range strings.Split(w, "|") {
				if !strings.Contains(got[i], part) {
					t.Errorf("%s: line %q does not say %q", when, got[i], part)
				}
			}
		}
	}

	o.succeeded()
	expect("while all works")
	o.failed(errors.New("server\nhas gone away"))
	expect("at the first failure", `level=WARN|no writes|server has gone away`)
	for range 590 {
		clock = clock.Add(100 * time.Millisecond)
		o.failed(errors.New("still away"))
	}
	expect("within a minute")
	clock = clock.Add(time.Second)
	o.failed(errors.New("still away"))
	expect("after a minute", "still away|for=1m0s|failures=591")
	if got := o.get(); got.Failures != 592 || got.LastError != "still away" || !got.Since.Equal(time.Unix(1000, 0)) {
		t.Errorf("got %+v", got)
	}
	o.succeeded()
	o.succeeded()
	expect("at the end", "level=INFO|writes again|after=1m0s|failures=592")
	if got := o.get(); !got.Since.IsZero() || got.Failures != 0 || got.LastError != "still away" {
		t.Errorf("got %+v", got)
	}

	// A database that comes and goes: one that lasts is logged within 5 s all the same.
	clock = clock.Add(time.Hour)
	for range 30 {
		o.failed(errors.New("away"))
		clock = clock.Add(10 * time.Millisecond)
		o.succeeded()
		clock = clock.Add(10 * time.Millisecond)
	}
	expect("when it flaps", "no writes", "writes again")
	for range 30 {
		o.failed(errors.New("away for long"))
		clock = clock.Add(100 * time.Millisecond)
	}
	expect("when it stays away", "away for long")

	long := outageText(fmt.Errorf("%w: %s", errors.New("cause"), strings.Repeat("é", 10_000)))
	if len(long) > maxOutageText+3 || !strings.HasPrefix(long, "cause: é") {
		t.Errorf("got %d bytes: %.40s", len(long), long)
	}
}
