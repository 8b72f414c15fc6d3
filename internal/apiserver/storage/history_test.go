package storage

import (
	"testing"
	"time"
)

// Time passes as fast as bytes come, where that is faster, and never goes back.
func TestHistoryStamp(t *testing.T) {
	const window = 75 * time.Second
	h := newHistory(window)
	start := time.Now()
	stamp := func(at time.Duration, bytes int64) time.Duration {
		h.bytes.Add(bytes)
		return h.stamp(start.Add(at)).Sub(start)
	}
	for _, step := range []struct {
		name  string
		at    time.Duration
		bytes int64
		want  time.Duration
	}{
		{"the first", 0, historyBytes, 0},
		{"slowly", window, historyBytes / 2, window},
		{"all room at once", window, historyBytes, 2 * window},
		{"without bytes", window + 1, 0, 2 * window},
		{"an old one", 0, 0, 2 * window},
		{"some more", window + 2, historyBytes / 75, 2*window + time.Second},
		{"time has caught up", 5 * window, historyBytes, 5 * window},
	} {
		if got := stamp(step.at, step.bytes); (got - step.want).Abs() > time.Millisecond {
			t.Errorf("%s: stamped %s, want %s", step.name, got, step.want)
		}
	}
}
