package stream

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// rest has the fields that the SDK of Ark's engine (openai-go 1.5.0) adds to every chunk without
// them.
const rest = `"service_tier":"","system_fingerprint":"","object":"chat.completion.chunk","usage":{"completion_tokens":0,"prompt_tokens":0,"total_tokens":0,` +
	`"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0}}`

// Readers get a compact chunk with every field of Ark's engine, and other chunks unchanged.
func TestFull(t *testing.T) {
	const noLogprobs = `"logprobs":{"content":null,"refusal":null}`
	for name, c := range map[string]struct{ chunk, want string }{
		"a text": {
			`{"id":"x","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a<b"},"finish_reason":null}],"ark":{"query":"u"}}`,
			`{"id":"x","created":0,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a<b","refusal":"","function_call":{"arguments":"","name":""},"tool_calls":null},"finish_reason":"",` + noLogprobs + `}],` + rest + `,"ark":{"query":"u"}}`,
		},
		"a part of a call": {
			`{"id":"x","created":7,"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{"}}]}}]}`,
			`{"id":"x","created":7,"model":"","choices":[{"index":0,"delta":{"role":"","content":"","refusal":"","function_call":{"arguments":"","name":""},"tool_calls":[{"index":1,"id":"","type":"","function":{"arguments":"{","name":""}}]},"finish_reason":"",` + noLogprobs + `}],` + rest + `}`,
		},
		"a usage": {
			`{"id":"x","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}`,
			`{"id":"x","created":0,"model":"","choices":[],` + strings.NewReplacer(`"completion_tokens":0`, `"completion_tokens":3`, `"prompt_tokens":0`, `"prompt_tokens":2`, `"total_tokens":0`, `"total_tokens":5`, `"cached_tokens":0`, `"cached_tokens":1`).Replace(rest) + `}`,
		},
		"no choices":        {`{"id":"x","ark":{"systemMessage":"s"}}`, `{"id":"x","created":0,"model":"","choices":null,` + rest + `,"ark":{"systemMessage":"s"}}`},
		"an error":          {`{"error":{"message":"m"},"ark":{}}`, `{"error":{"message":"m"},"ark":{}}`},
		"no error":          {`{"id":"x","error":null}`, `{"id":"x","created":0,"model":"","choices":null,` + rest + `}`},
		"another type":      {`{"type":"tool_approval_request"}`, `{"type":"tool_approval_request"}`},
		"not OpenAI's":      {`{"id":"x","created":1.5}`, `{"id":"x","created":1.5}`},
		"not even an array": {`[1]`, `[1]`},
	} {
		var got, want any
		text := full(Compact([]byte(c.chunk)))
		if err := json.Unmarshal(text, &got); err != nil {
			t.Errorf("%s: %s: %v", name, text, err)
		}
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, text, c.want)
		}
		if text := full([]byte(c.chunk)); string(text) != c.chunk {
			t.Errorf("%s: what was written is read as %s", name, text)
		}
	}
}

// A compact chunk stays compact when another replica forwards it.
func TestFullElsewhere(t *testing.T) {
	b := New(DefaultLimits, time.Now)
	defer b.Close()
	w, err := b.Write(Key{"n", "q"}, "u")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(Compact([]byte(`{"id":"x"}`))); err != nil {
		t.Fatal(err)
	}
	w.Close(nil)
	b.Complete(Key{"n", "q"})
	var sent []string
	if err := b.Serve(t.Context(), elsewhere{Key: Key{"n", "q"}, FromBeginning: true}.encoded(), func(m []byte) error {
		if m[0] == messageChunk {
			sent = append(sent, string(m[1:]))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 1 || sent[0] != ` {"id":"x"}` {
		t.Errorf("another replica gets %q", sent)
	}
}

// A wait that exceeds the maximum is reduced to the maximum.
func TestWaits(t *testing.T) {
	for text, want := range map[string]time.Duration{"30": 30 * time.Second, "45s": 45 * time.Second, "0": time.Second, "30m": 300 * time.Second, "3600": 300 * time.Second} {
		r, err := readingOf(url.Values{"wait-for-query": {text}})
		if err != "" || r.wait != want {
			t.Errorf("%s: %s, %q, want %s", text, r.wait, err, want)
		}
	}
	if _, wrong := readingOf(url.Values{"wait-for-query": {"soon"}}); wrong == "" {
		t.Error("soon is a time")
	}
}
