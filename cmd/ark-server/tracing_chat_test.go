package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// TestChatTrace checks that a chat is one trace, from the request over its Query to the call of the
// model, and that the trace contains neither the question nor the answer.
func TestChatTrace(t *testing.T) {
	spans, address := startReceiver(t)
	config := filepath.Join(t.TempDir(), "tracing.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: %s\n", address), 0o600); err != nil {
		t.Fatal(err)
	}
	model := httptest.NewServer(scripted.New(func(scripted.Request) scripted.Answer { return scripted.Answer{Text: "hush hush hush"} }))
	defer model.Close()
	s := startServing(t, "--engine=embedded", "--tracing-config-file="+config)
	for plural, object := range map[string]string{
		"models": `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":"default"},"spec":{"provider":"openai","model":{"value":"gpt-scripted"},"config":{"openai":{"baseUrl":{"value":"` + model.URL + `/v1"},"apiKey":{"value":"hush-key"}}}}}`,
		"agents": `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"guide"},"spec":{"prompt":"hush prompt"}}`,
	} {
		if code, body := request(t, s.admin, "POST", "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/"+plural, object, "Content-Type", "application/json"); code != 201 {
			t.Fatalf("%d %s", code, body)
		}
	}
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	code, body := request(t, s.admin, "POST", "/v1/chat/completions", `{"model":"agent/guide","stream":true,"messages":[{"role":"user","content":"hush question"}],"metadata":{"conversationId":"c-1"}}`,
		"Content-Type", "application/json", "traceparent", "00-"+id+"-"+parent+"-01")
	if code != 200 || !strings.Contains(body, "[DONE]") {
		t.Fatalf("%d %s", code, body)
	}
	s.stop() // which sends what is left

	got := spans.trace(id)
	const query, call = "invoke_agent guide", "chat gpt-scripted"
	whole := ""
	for name, span := range got {
		if fmt.Sprintf("%x", span.GetParentSpanId()) == parent {
			whole = name
		}
	}
	if whole == "" || got[query] == nil || got[call] == nil {
		t.Fatalf("the spans are %v", names(got))
	}
	if !descends(got[query], whole, got) || string(got[call].GetParentSpanId()) != string(got[query].GetSpanId()) {
		t.Errorf("the call of the model is not below its query, and that below %q", whole)
	}
	for name, want := range map[string]map[string]string{
		query: {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "guide", "gen_ai.conversation.id": "c-1", "ark.namespace": "default", "ark.target": "agent/guide"},
		call:  {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-scripted", "gen_ai.usage.input_tokens": "4", "gen_ai.usage.output_tokens": "3"},
	} {
		for _, a := range got[name].GetAttributes() {
			text := a.GetValue().GetStringValue()
			if text == "" {
				text = fmt.Sprint(a.GetValue().GetIntValue())
			}
			if value, ok := want[a.GetKey()]; ok {
				if value != text {
					t.Errorf("%s: %s is %q, want %q", name, a.GetKey(), text, value)
				}
				delete(want, a.GetKey())
			}
		}
		if len(want) > 0 {
			t.Errorf("%s lacks %v", name, want)
		}
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	for _, rs := range spans.spans {
		if text, err := protojson.Marshal(rs); err != nil || strings.Contains(string(text), "hush") {
			t.Errorf("spans tell what was said: %s, %v", text, err)
		}
	}
}
