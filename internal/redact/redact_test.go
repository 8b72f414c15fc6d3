package redact_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/redact"
)

// Every plain secret that a kind can hold is hidden, and what is none stays.
func TestObject(t *testing.T) {
	for name, text := range map[string]string{
		"model":      `{"spec":{"model":{"value":"stays"},"config":{"openai":{"baseUrl":{"value":"stays"},"apiKey":{"value":"s3cret"},"headers":[{"name":"stays","value":{"value":"s3cret"}}],"properties":{"stays":{"value":"s3cret"}}}}}}`,
		"azure":      `{"spec":{"model":{"value":"stays"},"config":{"azure":{"apiKey":{"value":"s3cret"},"auth":{"apiKey":{"value":"s3cret"},"x":"stays"}}}}}`,
		"bedrock":    `{"spec":{"config":{"bedrock":{"region":{"value":"stays"},"accessKeyId":{"value":"s3cret"},"secretAccessKey":{"value":"s3cret"},"sessionToken":{"value":"s3cret"}}}}}`,
		"mcpserver":  `{"spec":{"address":{"value":"stays"},"headers":[{"name":"A","value":{"value":"s3cret"}},{"name":"B","value":{"valueFrom":{"secretKeyRef":{"name":"stays","key":"k"}}}}]}}`,
		"tool":       `{"spec":{"http":{"url":"stays","headers":[{"name":"A","value":{"value":"s3cret"}}]}}}`,
		"overrides":  `{"spec":{"prompt":"stays","overrides":[{"headers":[{"name":"A","value":{"value":"s3cret"}}]}]}}`,
		"plain text": `{"spec":{"x":"stays","headers":[{"name":"A","value":"s3cret"}],"token":"s3cret"}}`,
		"annotation": `{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":\"s3cret\"}","x":"stays"}}}`,
	} {
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		if !redact.Object(object) {
			t.Errorf("%s: nothing was found", name)
		}
		got, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(got), "s3cret") || !strings.Contains(string(got), "stays") {
			t.Errorf("%s: %s", name, got)
		}
		if redact.Object(map[string]any{"spec": map[string]any{"prompt": "apiKey"}}) {
			t.Error("a prompt is no secret")
		}
	}
}
