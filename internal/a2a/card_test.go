package a2a

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"testing"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// One card is read by clients of both versions: the protocol's library reads it as either.
func TestCard(t *testing.T) {
	description := "knows the way"
	w := httptest.NewRecorder()
	writeCard(w, httptest.NewRequest("GET", "https://ark.example/x", nil), &v1alpha1.Agent{
		ObjectMeta: metav1.ObjectMeta{Name: "guide", Namespace: "town", Generation: 3}, Spec: v1alpha1.AgentSpec{Description: &description},
	})
	card := &protocol.AgentCard{}
	if err := json.Unmarshal(w.Body.Bytes(), card); err != nil {
		t.Fatal(err)
	}
	old, err := a2av0.NewAgentCardParser()(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	const url = "https://ark.example/a2a/namespaces/town/agents/guide"
	for version, c := range map[protocol.ProtocolVersion]*protocol.AgentCard{protocol.Version: card, a2av0.Version: old} {
		at := slices.IndexFunc(c.SupportedInterfaces, func(i *protocol.AgentInterface) bool { return i.ProtocolVersion == version })
		if at < 0 || c.SupportedInterfaces[at].URL != url || c.SupportedInterfaces[at].ProtocolBinding != protocol.TransportProtocolJSONRPC {
			t.Errorf("%s: the interfaces are %+v", version, c.SupportedInterfaces)
		}
		if c.Name != "guide" || c.Description != description || c.Version != "3" || !c.Capabilities.Streaming || len(c.Skills) != 1 {
			t.Errorf("%s: got %+v", version, c)
		}
		scheme, ok := c.SecuritySchemes[bearer].(protocol.HTTPAuthSecurityScheme)
		if !ok || scheme.Scheme != "Bearer" || len(c.SecurityRequirements) != 1 {
			t.Errorf("%s: got %+v, %+v", version, c.SecuritySchemes, c.SecurityRequirements)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for path, want := range map[string]place{
		"/a2a/namespaces/a/agents/b":                             {"a", "b", ""},
		"/a2a/namespaces/a/agents/b/":                            {"a", "b", ""},
		"/a2a/namespaces/a/agents/b/.well-known/agent-card.json": {"a", "b", ".well-known/agent-card.json"},
		"/a2a/namespaces/a/agents/":                              {},
		"/a2a/namespaces//agents/b":                              {},
		"/a2a/namespaces/a/teams/b":                              {},
		"/a2a/":                                                  {},
		"/a2a/namespaces/a/agents/b%2fc":                         {},
	} {
		got, ok := placeOf(path)
		if ok != (want.agent != "") || ok && got != want {
			t.Errorf("%s: got %+v, %t", path, got, ok)
		}
	}
}
