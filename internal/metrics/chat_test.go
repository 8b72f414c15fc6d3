package metrics

import (
	"strings"
	"testing"
	"time"
)

func TestChat(t *testing.T) {
	s := open(t)
	c := s.metrics.Chat()
	c.Opened("agent")
	c.Opened("team")
	c.Closed("team")
	c.First("agent", 20*time.Millisecond)
	c.Used("agent", 11, 30, 2*time.Second)
	c.Used("agent", 1, 1, 0) // came at once: it has no speed
	c.Ended("agent", "answered")
	c.Ended("", "refused")
	c.Ended("somebody's own text", "failed")
	text := s.scrape(t)
	for _, line := range []string{
		`ark_chat_open_requests{target="agent"} 1`, `ark_chat_open_requests{target="team"} 0`,
		`ark_chat_requests_total{outcome="answered",target="agent"} 1`, `ark_chat_requests_total{outcome="refused",target="none"} 1`,
		`ark_chat_requests_total{outcome="failed",target="none"} 1`, `ark_chat_requests_total{outcome="left",target="tool"} 0`,
		`ark_chat_first_token_seconds_count{target="agent"} 1`, `ark_chat_first_token_seconds_count{target="model"} 0`,
		`ark_chat_tokens_per_second_sum{target="agent"} 15`, `ark_chat_tokens_per_second_count{target="agent"} 1`,
		`ark_chat_tokens_total{kind="prompt",target="agent"} 12`, `ark_chat_tokens_total{kind="completion",target="agent"} 31`,
		`ark_stream_streams 3`, `ark_stream_bytes 4000`, `ark_stream_connections{end="reader"} 2`, `ark_stream_connections{end="writer"} 1`,
		`ark_stream_chunks_total 90`, `ark_stream_dropped_chunks_total 8`, `ark_stream_overrun_readers_total 7`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
}
