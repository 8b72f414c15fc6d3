package measure

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestRunCount(t *testing.T) {
	fail := errors.New("third")
	s := RunCount(t.Context(), 4, 10, func(_ context.Context, _, i int) error {
		if i == 2 {
			return fail
		}
		return nil
	})
	if s.Count != 36 || s.Failed != 4 || s.FirstError != fail || s.Rate <= 0 {
		t.Errorf("got %+v, want 36 done, 4 failed", s)
	}
}

func TestMedian(t *testing.T) {
	s := Series{
		{Rate: 10, P50: 3, P99: 9, CPU: map[string]time.Duration{"server": 5}},
		{Rate: 30, P50: 1, P99: 7, Failed: 2, CPU: map[string]time.Duration{"server": 1}},
		{Rate: 20, P50: 2, P99: 8, CPU: map[string]time.Duration{"server": 3}},
	}
	got := s.Median()
	if got.Rate != 20 || got.P50 != 2 || got.P99 != 8 || got.Failed != 2 || got.CPU["server"] != 3 {
		t.Errorf("got %+v", got)
	}
	if got := (Series{}).Median(); got.Rate != 0 {
		t.Errorf("median of nothing: %+v", got)
	}
}

func TestPercentile(t *testing.T) {
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(99-i))
	}
	for p, want := range map[int]time.Duration{0: 0, 50: 50, 99: 99, 100: 99} {
		if got := Percentile(d, p); got != want {
			t.Errorf("percentile %d: got %d, want %d", p, got, want)
		}
	}
	if got := Percentile(nil, 50); got != 0 {
		t.Errorf("percentile of nothing: %d", got)
	}
}
