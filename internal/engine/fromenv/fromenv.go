package fromenv

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// Offer is a model that the environment configures.
type Offer struct {
	// Variable is the variable that configures it.
	Variable string

	provider, baseURL, model, key string
}

// The names of the objects that are made from an offer, and the key in the Secret.
const (
	modelName  = "default"
	secretName = "default-model"
	secretKey  = "api-key"
)

const (
	openAIModel    = "gpt-4o-mini"
	anthropicModel = "claude-sonnet-4-5"
	ollamaModel    = "llama3.2"

	ollamaPort = "11434"
	// askTimeout is how long Ollama may take to list its models.
	askTimeout = 2 * time.Second
	maxAnswer  = 1 << 20
)

// Find returns the first model that the environment configures.
func Find(getenv func(string) string) (Offer, bool) {
	if key := getenv("OPENAI_API_KEY"); key != "" {
		return Offer{
			Variable: "OPENAI_API_KEY", provider: "openai", key: key,
			baseURL: cmp.Or(getenv("OPENAI_BASE_URL"), "https://api.openai.com/v1"), model: cmp.Or(getenv("OPENAI_MODEL"), openAIModel),
		}, true
	}
	if key := getenv("ANTHROPIC_API_KEY"); key != "" {
		return Offer{
			Variable: "ANTHROPIC_API_KEY", provider: "anthropic", key: key,
			baseURL: cmp.Or(getenv("ANTHROPIC_BASE_URL"), "https://api.anthropic.com"), model: cmp.Or(getenv("ANTHROPIC_MODEL"), anthropicModel),
		}, true
	}
	if host := getenv("OLLAMA_HOST"); host != "" {
		base, err := ollamaURL(host)
		if err != nil {
			return Offer{}, false
		}
		return Offer{Variable: "OLLAMA_HOST", provider: "openai", baseURL: base + "/v1", model: getenv("OLLAMA_MODEL")}, true
	}
	return Offer{}, false
}

// ollamaURL parses an address as Ollama does: scheme and port are optional, and a server that
// listens on all addresses is reached on this machine.
func ollamaURL(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Hostname() == "" {
		return "", errors.New("OLLAMA_HOST is no address")
	}
	host, port := u.Hostname(), u.Port()
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if port == "" && u.Scheme == "http" {
		port = ollamaPort
	}
	u.Host = host
	if port != "" {
		u.Host = net.JoinHostPort(host, port)
	}
	return u.String(), nil
}

// Named returns the offer with the name of a model: for Ollama, one that its user has downloaded.
func (o Offer) Named(ctx context.Context) Offer {
	if o.model == "" {
		o.model = cmp.Or(firstModel(ctx, o.baseURL), ollamaModel)
	}
	return o
}

// firstModel returns the first model that a server lists; "" if it lists none.
func firstModel(ctx context.Context, baseURL string) string {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+"/models", nil)
	if err != nil {
		return ""
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if answer.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&list) != nil || len(list.Data) == 0 {
		return ""
	}
	return list.Data[0].ID
}

// Secret returns the Secret with the key; nil for an offer without one.
func (o Offer) Secret(namespace string) *corev1.Secret {
	if o.key == "" {
		return nil
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secretName, Namespace: namespace},
		StringData: map[string]string{secretKey: o.key},
	}
}

// Model returns the Model object.
func (o Offer) Model(namespace string) *v1alpha1.Model {
	m := &v1alpha1.Model{ObjectMeta: metav1.ObjectMeta{Name: modelName, Namespace: namespace}}
	m.Spec.Provider = v1alpha1.ModelProvider(o.provider)
	m.Spec.Model, m.Spec.Config = direct(o.model), &v1alpha1.ModelConfig{}
	key := direct("none") // Ollama needs no key, but this provider type requires one
	if in := secretKey; o.key != "" {
		key = &v1alpha1.ValueSource{ValueFrom: &v1alpha1.ValueFromSource{SecretKeyRef: &v1alpha1.SecretKeySelector{Name: secretName, Key: &in}}}
	}
	if o.provider == "anthropic" {
		m.Spec.Config.Anthropic = &v1alpha1.AnthropicModelConfig{BaseURL: direct(o.baseURL), APIKey: key}
	} else {
		m.Spec.Config.OpenAI = &v1alpha1.OpenAIModelConfig{BaseURL: direct(o.baseURL), APIKey: key}
	}
	return m
}

func direct(text string) *v1alpha1.ValueSource { return &v1alpha1.ValueSource{Value: &text} }

// String describes the offer, without the key.
func (o Offer) String() string {
	at := o.baseURL
	if u, err := url.Parse(o.baseURL); err == nil {
		u.User = nil
		at = u.String()
	}
	return fmt.Sprintf("%s at %s", cmp.Or(o.model, "a model"), at)
}
