package controllers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// TestEngineProcess checks that engines in separate processes answer the queries of a server
// without an engine, stream the answers to its broker, take over the queries of an engine that is
// killed, and stop in an orderly way.
func TestEngineProcess(t *testing.T) {
	hang := make(chan struct{})
	model := httptest.NewServer(scripted.NewForgetful(func(r scripted.Request) scripted.Answer {
		answer := scripted.Answer{Text: "The answer to " + r.Last(), Pieces: 5}
		if r.Last() == "wait" {
			answer.Until = hang
		}
		return answer
	}))
	defer model.Close()
	c := start(t, "--engine-user=system:serviceaccount:"+workplace+":ark-engine")
	c.makeNamespace(t, workplace)
	config := &rest.Config{Host: c.Config.Host, BearerToken: c.engineToken(t, workplace), TLSClientConfig: rest.TLSClientConfig{CAData: c.Config.CAData}}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := component.WriteKubeconfig(file, config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	a := &asker{objects: c.objects, model: model.URL}
	a.furnish(ctx, t, "plain", map[string]any{"value": "plain"})
	first := startEngine(t, "--server-kubeconfig="+file, "--namespace="+workplace)
	name := ""
	for range 20 {
		name = a.question(ctx, t, "plain", "")
		if phase, content := a.answer(t, name); phase != "done" || content != "The answer to "+name {
			t.Fatalf("%s: %q", phase, content)
		}
	}
	text := streamOf(ctx, t, config, name)
	if strings.Count(text, `"content"`) < 5 || !strings.HasSuffix(strings.TrimSpace(text), "data: [DONE]") {
		t.Errorf("the stream of an answer in five pieces: %s", last(text, 2000))
	}

	waiting := a.question(ctx, t, "plain", "wait")
	a.await(t, waiting, "running")
	second := startEngine(t, "--server-kubeconfig="+file, "--namespace="+workplace)
	first.Kill()
	close(hang)
	if phase, content := a.answer(t, waiting); phase != "done" || content != "The answer to wait" {
		t.Errorf("after a kill: %s: %q", phase, content)
	}
	if err := second.Stop(); err != nil {
		t.Errorf("the end of an engine: %v", err)
	}

	// An engine whose claims the server does not store, here the admin's, says what to do.
	admin := filepath.Join(t.TempDir(), "kubeconfig")
	if err := component.WriteKubeconfig(admin, c.Config); err != nil {
		t.Fatal(err)
	}
	stranger := startEngine(t, "--server-kubeconfig="+admin, "--namespace="+workplace)
	a.question(ctx, t, "plain", "nobody")
	select {
	case <-stranger.Done():
	case <-ctx.Done():
		t.Fatal("an engine that cannot claim goes on")
	}
	if text := stranger.Stderr(); stranger.ExitCode() == 0 || !strings.Contains(text, "--engine-user") {
		t.Errorf("an engine that cannot claim: %d %s", stranger.ExitCode(), text)
	}
	if by := a.engineOf(ctx, t, waiting); by == "" {
		t.Error("the query does not say which engine has executed it")
	}
	leases, err := c.core.CoordinationV1().Leases(workplace).List(ctx, metav1.ListOptions{})
	if err != nil || len(leases.Items) > 1 {
		t.Errorf("an engine that has ended in order leaves its Lease: %v %v", leases.Items, err)
	}
}

// TestDirectEngine checks that the engine answers the queries of clients that have only
// ark-kubeconfig, both in the server and as such a client itself. kube-apiserver is killed for a
// minute: queries continue, and a query that needs a Secret reports what is missing.
func TestDirectEngine(t *testing.T) {
	if !*heavy {
		t.Skip("takes five minutes: make e2e-heavy")
	}
	t.Run("in the server", func(t *testing.T) {
		d := startDirect(t, []string{"--engine=embedded", "--engine-allowed-addresses=127.0.0.1/32"}, []string{"ark.engine.mode=embedded"})
		d.engineAnswers(t)
	})
	t.Run("in a process of its own", func(t *testing.T) {
		d := startDirect(t, []string{"--engine=external", "--engine-user=system:serviceaccount:engines:ark-engine"}, nil)
		d.makeNamespace(t, "engines")
		config := d.kubeconfig(t, d.engineToken(t, "engines"))
		startEngine(t, "--server-kubeconfig="+config, "--namespace=engines")
		d.engineAnswers(t)
	})
}

// engineAnswers runs queries of a client that has only ark-kubeconfig, before and while
// kube-apiserver is down.
func (d *directCluster) engineAnswers(t *testing.T) {
	t.Helper()
	model := httptest.NewServer(scripted.NewForgetful(func(r scripted.Request) scripted.Answer {
		return scripted.Answer{Text: "The answer to " + r.Last() + " with " + r.Header.Get("Authorization")}
	}))
	defer model.Close()
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
	a := &asker{objects: objects, model: model.URL}
	a.furnish(ctx, t, "plain", map[string]any{"value": "plain"})
	a.furnish(ctx, t, "keyed", map[string]any{"valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "key", "key": "token"}}})
	wantDone := func(agent, key string) {
		t.Helper()
		name := a.question(ctx, t, agent, "")
		want := "The answer to " + name + " with Bearer " + key
		if phase, content := a.answer(t, name); phase != "done" || content != want {
			t.Errorf("%s: %q, want %q", phase, content, want)
		}
	}
	wantDone("plain", "plain")
	wantDone("keyed", "secret")

	d.host.API.Kill()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Second) {
		wantDone("plain", "plain")
	}
	if phase, content := a.answer(t, a.question(ctx, t, "keyed", "")); phase != "error" || !strings.Contains(content, "read secret 'key'") {
		t.Errorf("without kube-apiserver: %s: %q", phase, content)
	}
}

// asker creates models, agents and queries in the namespace workplace.
type asker struct {
	objects dynamic.Interface
	model   string
	made    int
}

func (a *asker) create(ctx context.Context, t *testing.T, resource, kind, name string, spec map[string]any) {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": queries.GroupVersion().String(), "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}}
	if _, err := a.objects.Resource(queries.GroupVersion().WithResource(resource)).Namespace(workplace).Create(ctx, o, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// furnish makes a model with a key, and an agent of the same name that uses it.
func (a *asker) furnish(ctx context.Context, t *testing.T, name string, key map[string]any) {
	t.Helper()
	a.create(ctx, t, "models", "Model", name, map[string]any{
		"provider": "openai", "model": map[string]any{"value": "scripted"},
		"config": map[string]any{"openai": map[string]any{"baseUrl": map[string]any{"value": a.model + "/v1"}, "apiKey": key}},
	})
	a.create(ctx, t, "agents", "Agent", name, map[string]any{"prompt": "Answer.", "modelRef": map[string]any{"name": name}})
}

// question asks an agent a text, or the name of the query, which is returned.
func (a *asker) question(ctx context.Context, t *testing.T, agent, text string) (name string) {
	t.Helper()
	name = numbered("q", a.made)
	a.made++
	if text == "" {
		text = name
	}
	a.create(ctx, t, "queries", "Query", name, map[string]any{"input": text, "target": map[string]any{"type": "agent", "name": agent}})
	return name
}

// answer waits for the end of a query.
func (a *asker) answer(t *testing.T, name string) (phase, content string) {
	t.Helper()
	return a.await(t, name, "done", "error")
}

// await waits until a query is in one of some phases.
func (a *asker) await(t *testing.T, name string, phases ...string) (phase, content string) {
	t.Helper()
	eventually(t, patience, func(ctx context.Context) error {
		q, err := a.objects.Resource(queries).Namespace(workplace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		phase, _, _ = unstructured.NestedString(q.Object, "status", "phase")
		content, _, _ = unstructured.NestedString(q.Object, "status", "response", "content")
		for _, p := range phases {
			if phase == p {
				return nil
			}
		}
		return fmt.Errorf("%s is %s", name, phase)
	})
	return phase, content
}

// engineOf returns which engine has claimed a query.
func (a *asker) engineOf(ctx context.Context, t *testing.T, name string) string {
	t.Helper()
	q, err := a.objects.Resource(queries).Namespace(workplace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return q.GetAnnotations()["ark.mckinsey.com/engine"]
}

// streamOf reads the stream of a query from its beginning.
func streamOf(ctx context.Context, t *testing.T, config *rest.Config, name string) string {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/namespaces/"+workplace+"/stream/"+name+"?from-beginning=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// engineToken grants a service account the permissions that "ark-server engine --rights" prints,
// and returns its token.
func (c *cluster) engineToken(t *testing.T, namespace string) string {
	t.Helper()
	path, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rights, err := component.RunToEnd(ctx, component.Command{Path: path, Name: "ark-server engine --rights", Args: []string{"engine", "--rights", "--namespace=" + namespace}})
	if err != nil || rights.ExitCode() != 0 {
		t.Fatalf("the rights: %v %s", err, rights.Stderr())
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := component.WriteKubeconfig(file, c.Config); err != nil {
		t.Fatal(err)
	}
	kubectl, err := component.NewKubectl(file, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := kubectl.Run(ctx, rights.Stdout(), "apply", "-f", "-"); err != nil || r.Code != 0 {
		t.Fatalf("apply the rights: %v %s", err, r.Stderr)
	}
	token, err := c.core.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "ark-engine", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return token.Status.Token
}

// startEngine starts an engine in a separate process, and returns when it executes queries.
func startEngine(t *testing.T, args ...string) *component.Process {
	t.Helper()
	path, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	p, err := component.Start(component.Command{Path: path, Name: "ark-server engine", Args: append([]string{"engine", "--engine-allowed-addresses=127.0.0.1/32"}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("an engine's log:\n%s", last(p.Stderr(), 4000))
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := p.WaitStdout(ctx, regexp.MustCompile("The engine executes the queries of")); err != nil {
		t.Fatal(err)
	}
	return p
}
