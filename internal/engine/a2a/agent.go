package a2a

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

const (
	maxCard   = 1 << 20
	maxAnswer = 16 << 20
	maxStream = 64 << 20
)

// Agent is the address of an A2A agent and how to reach it. Use one Agent for one question at a
// time.
type Agent struct {
	URL     string
	Headers map[string]string
	// Secrets lists strings that no error may contain.
	Secrets []string
	// Client makes the requests.
	Client *http.Client
}

// home returns the HTTP client for requests to the agent, and the Home that records why one failed.
func (a Agent) home() (*outbound.Home, *http.Client, error) {
	parsed, err := url.Parse(a.URL)
	if err != nil || parsed.Host == "" {
		return nil, nil, errors.New("the agent's address is no URL")
	}
	home := &outbound.Home{URL: parsed, Headers: a.Headers, Secrets: a.Secrets, MaxAnswer: maxAnswer, MaxStream: maxStream}
	client := home.Client(a.Client)
	client.Transport = noStream{client.Transport}
	return home, client, nil
}

// Card is an agent's description of itself.
type Card struct {
	Name, Description string
	Streaming         bool
	// Skills is a JSON list.
	Skills json.RawMessage
	// Extensions are URIs, sorted.
	Extensions []string
}

// cardPaths are the paths at which an agent may serve its card. Older agents use the second one.
var cardPaths = []string{"/.well-known/agent-card.json", "/.well-known/agent.json"}

// Describe reads an agent's card.
func Describe(ctx context.Context, a Agent) (Card, error) {
	home, client, err := a.home()
	if err != nil {
		return Card{}, err
	}
	home.MaxStream = maxCard
	var fault error
	for _, path := range cardPaths {
		home.Begin()
		card, err := describe(ctx, client, strings.TrimRight(a.URL, "/")+path)
		if err == nil {
			return card, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return Card{}, fmt.Errorf("read the agent's card: %w", cause)
		}
		if fault == nil { // the error for the newer path is the one to return
			fault = home.Cause(err)
		}
		var status *outbound.StatusError
		if !errors.As(home.Cause(err), &status) {
			break
		}
	}
	return Card{}, fmt.Errorf("read the agent's card: %w", fault)
}

func describe(ctx context.Context, client *http.Client, address string) (Card, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Card{}, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return Card{}, err
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	text, err := outbound.ReadAll(answer.Body, maxCard)
	if err != nil {
		return Card{}, err
	}
	if answer.StatusCode != http.StatusOK {
		return Card{}, &outbound.StatusError{Code: answer.StatusCode}
	}
	card, err := a2av0.NewAgentCardParser()(text)
	if err != nil {
		return Card{}, errors.New("it is no agent card")
	}
	if card.Name == "" {
		return Card{}, errors.New("it has no name")
	}
	out := Card{Name: card.Name, Description: card.Description, Streaming: card.Capabilities.Streaming}
	if out.Skills, err = json.Marshal(card.Skills); err != nil {
		return Card{}, fmt.Errorf("encode its skills: %w", err)
	}
	for _, e := range card.Capabilities.Extensions {
		if uri := strings.TrimSpace(e.URI); uri != "" && !slices.Contains(out.Extensions, uri) {
			out.Extensions = append(out.Extensions, uri)
		}
	}
	slices.Sort(out.Extensions)
	return out, nil
}
