package controllers

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// TestDirectEngine: the engine answers the queries of clients who have nothing but ark-kubeconfig. kube-apiserver is killed for a
// minute: queries go on, one that needs a Secret says what it lacks.
func TestDirectEngine(t *testing.T) {
	if !*heavy {
		t.Skip("takes two minutes: make e2e-heavy")
	}
	model := httptest.NewServer(scripted.NewForgetful(func(r scripted.Request) scripted.Answer {
		return scripted.Answer{Text: "The answer to " + r.Last() + " with " + r.Header.Get("Authorization")}
	}))
	defer model.Close()
	d := startDirect(t, []string{"--engine=embedded", "--engine-allowed-addresses=127.0.0.1/32"}, []string{"ark.engine.mode=embedded"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", d.kubeconfig(t, d.Config.BearerToken))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	d.makeNamespace(t, workplace)
	secret := `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"key"},"stringData":{"token":"secret"}}`
	if _, err := core.CoreV1().RESTClient().Post().Namespace(workplace).Resource("secrets").Body([]byte(secret)).DoRaw(ctx); err != nil {
		t.Fatal(err)
	}
	create := func(resource, kind, name string, spec map[string]any) {
		t.Helper()
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": queries.GroupVersion().String(), "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}}
		if _, err := objects.Resource(queries.GroupVersion().WithResource(resource)).Namespace(workplace).Create(ctx, o, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	openai := func(key map[string]any) map[string]any {
		return map[string]any{
			"provider": "openai", "model": map[string]any{"value": "scripted"},
			"config": map[string]any{"openai": map[string]any{"baseUrl": map[string]any{"value": model.URL + "/v1"}, "apiKey": key}},
		}
	}
	create("models", "Model", "plain", openai(map[string]any{"value": "plain"}))
	create("models", "Model", "keyed", openai(map[string]any{"valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "key", "key": "token"}}}))
	for _, name := range []string{"plain", "keyed"} {
		create("agents", "Agent", name, map[string]any{"prompt": "Answer.", "modelRef": map[string]any{"name": name}})
	}
	made := 0
	// ask returns the phase and the answer of a query.
	ask := func(agent string) (phase, content string) {
		t.Helper()
		name := numbered("q", made)
		made++
		create("queries", "Query", name, map[string]any{"input": name, "target": map[string]any{"type": "agent", "name": agent}})
		eventually(t, patience, func(ctx context.Context) error {
			q, err := objects.Resource(queries).Namespace(workplace).Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			phase, _, _ = unstructured.NestedString(q.Object, "status", "phase")
			content, _, _ = unstructured.NestedString(q.Object, "status", "response", "content")
			if phase != "done" && phase != "error" {
				return fmt.Errorf("%s is %s", name, phase)
			}
			return nil
		})
		return phase, content
	}
	wantDone := func(agent, key string) {
		t.Helper()
		want := "The answer to " + numbered("q", made) + " with Bearer " + key
		if phase, content := ask(agent); phase != "done" || content != want {
			t.Errorf("%s: %q, want %q", phase, content, want)
		}
	}
	wantDone("plain", "plain")
	wantDone("keyed", "secret")

	d.host.API.Kill()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Second) {
		wantDone("plain", "plain")
	}
	if phase, content := ask("keyed"); phase != "error" || !strings.Contains(content, "read secret 'key'") {
		t.Errorf("without kube-apiserver: %s: %q", phase, content)
	}
}
