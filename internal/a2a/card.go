package a2a

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	"github.com/a2aproject/a2a-go/v2/a2asrv"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// bearer names the way to authenticate.
const bearer protocol.SecuritySchemeName = "bearer"

// card describes an agent at a URL.
func card(agent *v1alpha1.Agent, url string) *protocol.AgentCard {
	description := "The agent " + agent.Name
	if d := agent.Spec.Description; d != nil && *d != "" {
		description = *d
	}
	text := []string{"text/plain"}
	old := protocol.NewAgentInterface(url, protocol.TransportProtocolJSONRPC)
	old.ProtocolVersion = a2av0.Version
	return &protocol.AgentCard{
		Name: agent.Name, Description: description, Version: strconv.FormatInt(max(agent.Generation, 1), 10),
		SupportedInterfaces: []*protocol.AgentInterface{protocol.NewAgentInterface(url, protocol.TransportProtocolJSONRPC), old},
		Capabilities:        protocol.AgentCapabilities{Streaming: true},
		DefaultInputModes:   []string{"text/plain", "application/json"}, DefaultOutputModes: text,
		Skills: []protocol.AgentSkill{{ID: agent.Name, Name: agent.Name, Description: description, Tags: []string{"ark"}}},
		SecuritySchemes: protocol.NamedSecuritySchemes{bearer: protocol.HTTPAuthSecurityScheme{
			Scheme: "Bearer", Description: "A token of the server: that of a user, of a service account, or a key for chat",
		}},
		SecurityRequirements: protocol.SecurityRequirementsOptions{{bearer: {}}},
	}
}

// writeCard answers with an agent's card, in a form that clients of both versions read.
func writeCard(w http.ResponseWriter, r *http.Request, agent *v1alpha1.Agent) {
	producer, ok := a2av0.NewStaticAgentCardProducer(card(agent, urlOf(r, agent))).(a2asrv.AgentCardJSONProducer)
	if !ok {
		refuse(w, &refusal{http.StatusInternalServerError, "the protocol's library does not write cards for both versions"})
		return
	}
	text, err := producer.CardJSON(r.Context())
	if err == nil {
		text, err = withScheme(text)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // a client that has gone does not matter
}

// withScheme adds the way to authenticate in the form of version 1.0 to that of 0.3: the library
// writes the latter alone, which its own clients of 1.0 refuse.
func withScheme(text []byte) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read the card: %w", err)
	}
	var schemes map[string]map[string]any
	if err := json.Unmarshal(all["securitySchemes"], &schemes); err != nil {
		return nil, fmt.Errorf("read the card's security schemes: %w", err)
	}
	for _, s := range schemes {
		s["httpAuthSecurityScheme"] = map[string]any{"scheme": s["scheme"], "description": s["description"]}
	}
	var err error
	if all["securitySchemes"], err = json.Marshal(schemes); err != nil {
		return nil, fmt.Errorf("encode the card: %w", err)
	}
	return json.MarshalIndent(all, "", "  ")
}

// urlOf is where a client that has found an agent reaches it: at the host that it has asked.
func urlOf(r *http.Request, agent *v1alpha1.Agent) string {
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
	}
	return scheme + "://" + r.Host + Prefix + "namespaces/" + agent.Namespace + "/agents/" + agent.Name
}
