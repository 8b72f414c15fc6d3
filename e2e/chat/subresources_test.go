package chat

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// testSubresources asks and reads along by the paths of the Kubernetes API.
func testSubresources(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const completions = "/proxy/v1/chat/completions"
	for _, c := range []struct {
		what, method, path, body string
		status                   int
		text                     string
	}{
		{"an agent", "POST", queriesPath("agents", "guide") + completions, `{"messages":[{"role":"user","content":"hello"}]}`, 200, `"content":"You said: hello"`},
		{"a model's name of a client", "POST", queriesPath("agents", "guide") + completions, `{"model":"gpt-4","messages":[{"role":"user","content":"hello"}]}`, 200, "You said: hello"},
		{"a team", "POST", queriesPath("teams", "news") + completions, `{"model":"team/news","messages":[{"role":"user","content":"hello"}]}`, 200, "You said: hello"},
		{"a model", "POST", queriesPath("models", "default") + "/proxy/v1/responses", `{"input":"hello"}`, 200, "You said: hello"},
		{"another target", "POST", queriesPath("agents", "guide") + completions, `{"model":"agent/editor","messages":[{"role":"user","content":"hello"}]}`, 400, "leave model out"},
		{"nobody", "POST", queriesPath("agents", "none") + completions, `{"messages":[{"role":"user","content":"hello"}]}`, 404, "model_not_found"},
		{"another path", "POST", queriesPath("agents", "guide") + "/proxy/v1/models", `{}`, 404, "unknown_url"},
		{"another method", "GET", queriesPath("agents", "guide") + completions, "", 405, "use POST"},
		{"no such query", "GET", queriesPath("queries", "none") + "/log", "", 404, `"reason":"NotFound"`},
		{"a tool", "POST", queriesPath("tools", "none") + completions, `{}`, 404, ""},
	} {
		if status, text := w.call(c.method, c.path, c.body); status != c.status || !strings.Contains(text, c.text) {
			t.Errorf("%s: got %d %s", c.what, status, text)
		}
	}
	response := w.request(ctx, http.MethodPost, queriesPath("agents", "guide")+completions, strings.NewReader(`{"stream":true,"messages":[{"role":"user","content":"hello"}]}`))
	got := events(t, response.Body)
	response.Body.Close()
	if got[len(got)-1] != "[DONE]" || len(got) < 4 {
		t.Errorf("the stream is %q", got)
	}

	// A user needs the rights of the subresources.
	_, body := w.call(http.MethodPost, "/ark/tokens", `{"user":"nobody-in-particular","ttlSeconds":600}`)
	_, rest, _ := strings.Cut(body, `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	for method, path := range map[string]string{"POST": queriesPath("agents", "guide") + completions, "GET": queriesPath("queries", "x") + "/log"} {
		if status, text := w.call(method, path, "", "Authorization", "Bearer "+token); status != http.StatusForbidden || !strings.Contains(text, "Forbidden") {
			t.Errorf("%s: got %d %s", path, status, text)
		}
	}

	// The right to one proxy is the right to ask whom it belongs to, and no other one.
	for _, object := range []string{
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"proxy-guide"},"rules":[{"apiGroups":["ark.mckinsey.com"],"resources":["agents/proxy"],"resourceNames":["guide"],"verbs":["create"]}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"proxy-guide"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"proxy-guide"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"nobody-in-particular"}]}`,
	} {
		path := "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
		if strings.Contains(object, "RoleBinding") {
			path = strings.Replace(path, "roles", "rolebindings", 1)
		}
		if status, text := w.call(http.MethodPost, path, object); status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, status, text)
		}
	}
	w.awaitRight(token)
	const hello = `{"messages":[{"role":"user","content":"by right"}]}`
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{queriesPath("agents", "guide") + completions, hello, http.StatusOK},
		{queriesPath("agents", "guide") + "/proxy/v1/responses", `{"input":"by right"}`, http.StatusOK},
		{queriesPath("agents", "editor") + completions, hello, http.StatusForbidden},
		{queriesPath("teams", "news") + completions, hello, http.StatusForbidden},
		{"/v1/chat/completions", strings.Replace(hello, "{", `{"model":"agent/guide",`, 1), http.StatusForbidden},
		{queriesPath("queries", ""), `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"no-right"},"spec":{"input":"x","target":{"type":"agent","name":"guide"}}}`, http.StatusForbidden},
	} {
		if status, text := w.call(http.MethodPost, c.path, c.body, "Authorization", "Bearer "+token); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.path, status, text, c.status)
		}
	}

	// The log of a query that has ended is its answer, and of one that fails its error.
	const query = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"NAME"},"spec":{"input":"INPUT","target":{"type":"agent","name":"guide"}}}`
	create := func(name, input string) {
		w.create(strings.NewReplacer("NAME", name, "INPUT", input).Replace(query))
	}
	create("log-done", "hello")
	create("log-fails", "fail")
	for name, want := range map[string]string{"log-done": "You said: hello\n", "log-fails": "error: "} {
		for range 2 { // while it runs, and afterwards
			if status, text := w.call(http.MethodGet, queriesPath("queries", name)+"/log?follow=true", ""); status != http.StatusOK || !strings.HasPrefix(text, want) {
				t.Errorf("%s: got %d %q", name, status, text)
			}
		}
	}
	// It is followed while the query runs, and ends with it.
	create("log-hangs", "hang")
	if status, text := w.call(http.MethodGet, queriesPath("queries", "log-hangs")+"/log", ""); status != http.StatusOK || text != "" {
		t.Errorf("got %d %q", status, text)
	}
	response = w.request(ctx, http.MethodGet, queriesPath("queries", "log-hangs")+"/log?follow=true", nil)
	defer response.Body.Close()
	said := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(bufio.NewReader(response.Body))
		said <- string(text)
	}()
	select {
	case text := <-said:
		t.Errorf("the log has ended before its query: %q", text)
	case <-time.After(time.Second):
	}
	if status, text := w.call(http.MethodPatch, queriesPath("queries", "log-hangs"), `{"spec":{"cancel":true}}`, "Content-Type", "application/merge-patch+json"); status != http.StatusOK {
		t.Fatalf("got %d %s", status, text)
	}
	if text := <-said; text != "error: the query was canceled\n" {
		t.Errorf("got %q", text)
	}
}

// awaitRight waits until the role of a user counts: rights are read from a cache, which follows.
func (w *world) awaitRight(token string) {
	w.t.Helper()
	const review = `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"group":"ark.mckinsey.com","resource":"agents","subresource":"proxy","verb":"create","namespace":"default","name":"guide"}}}`
	var text string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, text = w.call(http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, "Authorization", "Bearer "+token); strings.Contains(text, `"allowed":true`) {
			return
		}
	}
	w.t.Fatalf("the right does not count: %s", text)
}
