package standalone

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/token"
)

// do sends a request and returns the answer's code and body.
func do(t *testing.T, config *rest.Config, method, path string, body any) (int, string) {
	t.Helper()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	var content []byte
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), method, config.Host+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// with is a configuration with a bearer token.
func with(config *rest.Config, text string) *rest.Config {
	config = rest.AnonymousClientConfig(config)
	config.BearerToken = text
	return config
}

const someAgents = "/apis/ark.mckinsey.com/v1alpha1/agents"

func TestUserTokens(t *testing.T) {
	r := start(t, t.TempDir())
	create := func(config *rest.Config, want int, body any) NewToken {
		t.Helper()
		code, text := do(t, config, "POST", TokensPath, body)
		if code != want {
			t.Fatalf("got %d, want %d: %s", code, want, text)
		}
		var made NewToken
		if err := json.Unmarshal([]byte(text), &made); err != nil && want == 201 {
			t.Fatal(err)
		}
		return made
	}
	check := func(what, text, path string, want int) {
		t.Helper()
		if code, body := do(t, with(r.config, text), "GET", path, nil); code != want {
			t.Errorf("%s: GET %s: got %d, want %d: %s", what, path, code, want, body)
		}
	}
	alice := create(r.config, 201, token.Request{User: "alice", Groups: []string{"dev"}})
	root := create(r.config, 201, token.Request{User: "root", Groups: []string{"system:masters"}})
	brief := create(r.config, 201, token.Request{User: "root", Groups: []string{"system:masters"}, TTLSeconds: 1})
	check("a user", alice.Text, "/version", 200)
	check("a user", alice.Text, someAgents, 403)
	check("an admin", root.Text, someAgents, 200)
	check("a wrong token", "ark_wrong", "/version", 401)
	check("another token", alice.Text[:len(alice.Text)-2]+"AA", "/version", 401)

	// A user that may not impersonate another gets no token for it, and others may do nothing here.
	anonymous := rest.AnonymousClientConfig(r.config)
	create(with(r.config, alice.Text), 403, token.Request{User: "bob"})
	create(anonymous, 403, token.Request{User: "bob"})
	check("a user", alice.Text, TokensPath, 403)
	if code, _ := do(t, with(r.config, alice.Text), "DELETE", TokensPath+"/"+root.ID, nil); code != 403 {
		t.Errorf("a user may revoke: %d", code)
	}
	create(withCertificate(t, r, anonymous, pkix.Name{CommonName: "root", Organization: []string{"system:masters"}}), 201, token.Request{User: "bob"})

	create(r.config, 400, map[string]any{"user": ""})
	create(r.config, 400, map[string]any{"user": "a", "grups": []string{"b"}})
	create(r.config, 400, token.Request{User: "system:serviceaccount:default:default"})
	for _, c := range []struct{ method, path string }{{"PUT", TokensPath}, {"DELETE", TokensPath}, {"GET", TokensPath + "/" + root.ID}} {
		if code, _ := do(t, r.config, c.method, c.path, nil); code != 405 {
			t.Errorf("%s %s: got %d, want 405", c.method, c.path, code)
		}
	}

	code, list := do(t, r.config, "GET", TokensPath, nil)
	if code != 200 || !bytes.Contains([]byte(list), []byte(alice.ID)) || bytes.Contains([]byte(list), []byte(token.Prefix)) {
		t.Errorf("got %d: %s", code, list)
	}
	if code, text := do(t, r.config, "DELETE", TokensPath+"/"+root.ID, nil); code != 200 {
		t.Errorf("revoking: got %d: %s", code, text)
	}
	check("a revoked token", root.Text, "/version", 401)
	check("the other user", alice.Text, "/version", 200)
	if code, _ := do(t, r.config, "DELETE", TokensPath+"/"+root.ID, nil); code != 404 {
		t.Errorf("revoking once more: got %d, want 404", code)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		code, _ := do(t, with(r.config, brief.Text), "GET", "/version", nil)
		if code == 401 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a token that has expired is good: %d", code)
		}
	}
}
