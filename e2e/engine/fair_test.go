package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/fleet"
)

// TestFairShares checks two namespaces, one of which has twice as many waiting queries and created
// them first. Three replicas execute them: while both have waiting queries, each gets the same
// share, within a tenth.
func TestFairShares(t *testing.T) {
	const few = 300
	names := map[string]int{"many": 2 * few, "few": few}
	world := newOutside(t)
	world.hold = make(chan struct{})
	_, place := engine.Start(t, engine.PostgreSQL)
	keys := t.TempDir()
	options := make([]component.ArkOptions, 3)
	for i := range options {
		options[i] = component.ArkOptions{Dir: t.TempDir(), Keys: keys, Storage: place.Flags(), Args: []string{"--engine=embedded", "--engine-concurrency=4"}}
	}
	servers := fleet.New(options...)
	servers.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	released := false
	release := func() {
		if !released {
			released = true
			close(world.hold)
		}
	}
	t.Cleanup(release)
	for _, namespace := range []string{"many", "few"} {
		body := []byte(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"` + namespace + `"}}`)
		if answer, err := servers.Client(0).Post().AbsPath("/api/v1/namespaces").SetHeader("Content-Type", "application/json").Body(body).DoRaw(ctx); err != nil {
			t.Fatalf("make a namespace: %v: %s", err, answer)
		}
		postIn(ctx, t, servers.Client(0), namespace, "models", world.aModel(), "Model")
		postIn(ctx, t, servers.Client(0), namespace, "agents", `{"metadata":{"name":"plain"},"spec":{"prompt":"Answer."}}`, "Agent")
		for i := range names[namespace] {
			postIn(ctx, t, servers.Client(i%len(options)), namespace, "queries", questionOf(plain, fmt.Sprintf("plain-%s-%d", namespace, i)), "Query")
		}
	}
	before := map[string]int{}
	world.mu.Lock()
	for _, question := range world.order {
		before[namespaceOf(question)]++
	}
	begin := len(world.order)
	world.mu.Unlock()
	release()
	world.await(ctx, t, "model", func() (n int) {
		for question := range world.asked {
			if namespaceOf(question) != "" {
				n++
			}
		}
		return n
	}, 3*few)

	world.mu.Lock()
	defer world.mu.Unlock()
	got := map[string]int{}
	for _, question := range world.order[begin:] {
		if got[namespaceOf(question)]++; before["few"]+got["few"] == few {
			break
		}
	}
	t.Logf("%v were asked before both waited; until the last of the few, the model was asked by %v", before, got)
	if share := float64(got["many"]) / float64(got["few"]); share < 0.9 || share > 1.1 {
		t.Errorf("the namespaces got %v: a ratio of %.2f", got, share)
	}
	for question, times := range world.asked {
		if namespaceOf(question) != "" && times != 1 {
			t.Errorf("%s was asked %d times", question, times)
		}
	}
}

// namespaceOf returns the namespace of a query of TestFairShares, or "" for other questions.
func namespaceOf(question string) string {
	parts := strings.Split(question, "-")
	if len(parts) != 3 {
		return ""
	}
	return parts[1]
}
