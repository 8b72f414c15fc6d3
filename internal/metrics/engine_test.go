package metrics

import (
	"strings"
	"testing"
	"time"
)

func TestEngine(t *testing.T) {
	s := open(t)
	e := s.metrics.Engine()
	e.Queue(func() (int, int) { return 7, 2 })
	e.QueryEnded("done", 3*time.Second)
	e.QueryEnded("timeout", time.Minute)
	e.QueryWithoutEvents()
	e.ModelCalled(20*time.Millisecond, 11, 5, false)
	e.ModelCalled(0, 0, 0, true)
	e.ModelRetried()
	text := s.scrape(t)
	for _, line := range []string{
		`ark_engine_queries_total{outcome="done"} 1`, `ark_engine_queries_total{outcome="timeout"} 1`, `ark_engine_queries_total{outcome="error"} 0`,
		"ark_engine_waiting_queries 7", "ark_engine_running_queries 2", "ark_engine_query_duration_seconds_sum 63",
		`ark_engine_model_calls_total{result="ok"} 1`, `ark_engine_model_calls_total{result="failed"} 1`, "ark_engine_model_retries_total 1",
		"ark_engine_first_token_seconds_count 1", `ark_engine_tokens_total{kind="prompt"} 11`, `ark_engine_tokens_total{kind="completion"} 5`,
		"ark_engine_queries_without_events_total 1",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}
