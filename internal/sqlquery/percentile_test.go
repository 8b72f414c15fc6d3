package sqlquery

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestPercentiles(t *testing.T) {
	r := open(t)
	const numbers = ` from (select value x from json_each('[10, 40, 20, 30, null, "text"]'))`
	for call, want := range map[string]string{
		"median(x)": "[[25]]", "percentile(x, 0)": "[[10]]", "percentile(x, 100)": "[[40]]", "percentile_cont(x, 0.95)": "[[38.5]]",
		"percentile_disc(x, 0.5)": "[[20]]", "percentile_disc(x, 0.95)": "[[40]]", "percentile_disc(x, 0)": "[[10]]",
		"median(x) filter (where x > 1000)": "[[<nil>]]",
	} {
		answer, err := r.Run(t.Context(), Request{Query: "select " + call + numbers})
		if err != nil || fmt.Sprint(answer.Rows) != want {
			t.Errorf("%s: got %v %v, want %s", call, answer, err, want)
		}
	}
	answer, err := r.Run(t.Context(), Request{Query: "select median(x) over (order by x rows 1 preceding) from (select value x from json_each('[1, 3, 7]'))"})
	if err != nil || fmt.Sprint(answer.Rows) != "[[1] [2] [5]]" {
		t.Errorf("as a window function: got %v %v", answer, err)
	}
	var fault *Error
	for _, call := range []string{"percentile(x, 101)", "percentile_cont(x, 2)", "percentile_cont(x, 'a')", "median(x, 1)"} {
		if _, err := r.Run(t.Context(), Request{Query: "select " + call + numbers}); !errors.As(err, &fault) {
			t.Errorf("%s: got %v, want a fault of the statement", call, err)
		}
	}
}

// The memory of a statement for percentiles is bounded, and released when it ends, in whatever way.
func TestPercentilesAreBounded(t *testing.T) {
	r := open(t)
	endless := "with recursive n(i) as (select 1 union all select i+1 from n) select percentile(i, 50) from n"
	if _, err := r.Run(t.Context(), Request{Query: endless, Timeout: 30 * time.Second}); err == nil {
		t.Error("more numbers than the limit were held")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Run(ctx, Request{Query: endless}); err == nil {
		t.Error("an endless statement ended")
	}
	for deadline := time.Now().Add(10 * time.Second); held.Load() != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d numbers are held after the statements", held.Load())
		}
	}
}
