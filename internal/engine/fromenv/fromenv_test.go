package fromenv

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

func TestFind(t *testing.T) {
	listing := httptest.NewServer(scripted.New(nil))
	defer listing.Close()
	for _, c := range []struct {
		name string
		env  map[string]string
		want string // provider, URL and model; "" for nothing
	}{
		{"nothing", nil, ""},
		{"an empty key", map[string]string{"OPENAI_API_KEY": ""}, ""},
		{"OpenAI", map[string]string{"OPENAI_API_KEY": "sk-1"}, "openai https://api.openai.com/v1 gpt-4o-mini"},
		{"what speaks like OpenAI", map[string]string{"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://a.example/v1", "OPENAI_MODEL": "m"}, "openai https://a.example/v1 m"},
		{"Anthropic", map[string]string{"ANTHROPIC_API_KEY": "sk-1", "OLLAMA_HOST": "127.0.0.1"}, "anthropic https://api.anthropic.com claude-sonnet-4-5"},
		{"OpenAI before the others", map[string]string{"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2"}, "openai https://api.openai.com/v1 gpt-4o-mini"},
		{"Ollama with its models", map[string]string{"OLLAMA_HOST": listing.URL}, "openai " + listing.URL + "/v1 scripted"},
		{"Ollama's own model", map[string]string{"OLLAMA_HOST": "0.0.0.0", "OLLAMA_MODEL": "m"}, "openai http://127.0.0.1:11434/v1 m"},
		{"Ollama on IPv6", map[string]string{"OLLAMA_HOST": "[::]:1234", "OLLAMA_MODEL": "m"}, "openai http://127.0.0.1:1234/v1 m"},
		{"Ollama behind TLS", map[string]string{"OLLAMA_HOST": "https://o.example/", "OLLAMA_MODEL": "m"}, "openai https://o.example/v1 m"},
		{"Ollama that is not there", map[string]string{"OLLAMA_HOST": "127.0.0.1:1"}, "openai http://127.0.0.1:1/v1 llama3.2"},
		{"no address", map[string]string{"OLLAMA_HOST": "http://"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			offer, found := Find(func(name string) string { return c.env[name] })
			if found != (c.want != "") {
				t.Fatalf("found %v: %v", found, offer)
			}
			if !found {
				return
			}
			offer = offer.Named(t.Context())
			if got := offer.provider + " " + offer.baseURL + " " + offer.model; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			model, err := json.Marshal(offer.Model("default"))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(model), "sk-") || strings.Contains(offer.String(), "sk-") {
				t.Errorf("the key is in %s or %s", model, offer)
			}
			if secret := offer.Secret("default"); (secret != nil) != (offer.key != "") || secret != nil && secret.StringData[secretKey] != offer.key {
				t.Errorf("the Secret is %v", secret)
			}
		})
	}
}
