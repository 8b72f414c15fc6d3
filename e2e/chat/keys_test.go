package chat

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// newKey makes a key for chat, of a user who may do everything.
func (w *world) newKey(namespace string, targets ...string) string {
	w.t.Helper()
	asked, err := json.Marshal(map[string]any{
		"user": "keyholder", "groups": []string{"system:masters"}, "ttlSeconds": 600, "chat": map[string]any{"namespace": namespace, "targets": targets},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	code, body := w.call(http.MethodPost, "/ark/tokens", string(asked))
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(body), &made); code != http.StatusCreated || err != nil || !strings.HasPrefix(made.Token, "sk-ark-") {
		w.t.Fatalf("make a key: %d, %v", code, err)
	}
	return made.Token
}

// testKeys has keys open what they are for, and nothing else, though their user may do everything.
func testKeys(t *testing.T, w *world) {
	all, guide, elsewhere := w.newKey("default"), w.newKey("default", "agent/guide"), w.newKey("elsewhere")
	const completions = "/v1/chat/completions"
	ask := func(model string) string {
		return `{"model":"` + model + `","messages":[{"role":"user","content":"hello"}]}`
	}
	for _, c := range []struct {
		what, key, method, path, body string
		status                        int
		text                          string
	}{
		{"its target", guide, "POST", completions, ask("agent/guide"), 200, "You said: hello"},
		{"another target", guide, "POST", completions, ask("agent/editor"), 403, "key_target"},
		{"any target", all, "POST", completions, ask("agent/editor"), 200, "You said: hello"},
		{"another namespace", elsewhere, "POST", completions, ask("default/agent/guide"), 403, "key_namespace"},
		{"its own namespace by default", elsewhere, "POST", completions, ask("agent/guide"), 404, "model_not_found"},
		{"the models", guide, "GET", "/v1/models", "", 200, `"agent/guide"`},
		{"a model", guide, "GET", "/v1/models/agent/editor", "", 403, "key_target"},
		{"the API", all, "GET", queriesPath("queries", ""), "", 403, ""},
		{"the stream of a query", all, "GET", "/namespaces/default/stream/none", "", 403, ""},
		{"conversations", all, "GET", "/namespaces/default/conversations", "", 403, ""},
		{"another token", all, "POST", "/ark/tokens", `{"user":"x","ttlSeconds":60}`, 403, ""},
		{"metrics", all, "GET", "/metrics", "", 403, ""},
		{"another prefix", "ark_" + strings.TrimPrefix(all, "sk-ark-"), "GET", "/v1/models", "", 401, "invalid_api_key"},
	} {
		status, body := w.call(c.method, c.path, c.body, "Authorization", "Bearer "+c.key)
		if status != c.status || !strings.Contains(body, c.text) {
			t.Errorf("%s: got %d %s", c.what, status, body)
		}
	}
	if _, body := w.call("GET", "/v1/models", "", "Authorization", "Bearer "+guide); strings.Contains(body, "agent/editor") {
		t.Errorf("a key for one agent lists %s", body)
	}
	status, body := w.call("GET", "/v1/models", "", "Authorization", "Bearer "+all, "Impersonate-User", "admin")
	if status != 403 {
		t.Errorf("a key acts as somebody else: %d %s", status, body)
	}
}

// testParts: the rights of the parts of the process are theirs alone. Their names, by a token or by
// impersonation, have none.
func testParts(t *testing.T, w *world) {
	for _, name := range []string{"system:ark-chat", "system:ark-engine"} {
		_, body := w.call(http.MethodPost, "/ark/tokens", `{"user":"`+name+`","ttlSeconds":600}`)
		var made struct{ Token string }
		if err := json.Unmarshal([]byte(body), &made); err != nil || made.Token == "" {
			t.Fatalf("got %s, %v", body, err)
		}
		for how, header := range map[string][]string{
			"by a token": {"Authorization", "Bearer " + made.Token}, "by impersonation": {"Impersonate-User", name},
		} {
			for _, path := range []string{queriesPath("queries", "none"), queriesPath("agents", ""), queriesPath("memories", "none")} {
				if code, text := w.call(http.MethodGet, path, "", header...); code != http.StatusForbidden {
					t.Errorf("%s %s: %s gets %d %s", name, how, path, code, text)
				}
			}
		}
	}
}
