package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	openai "github.com/sashabaranov/go-openai"
)

// TestExternal has an engine outside answer: it reads earlier messages from the Memory that the
// Query names, writes chunks to the broker without credentials, and the Query's status with the
// admin's.
func TestExternal(t *testing.T) {
	w := newWorld(t, "--engine=external", "--broker-listen=127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found, err := w.ark.WaitStdout(ctx, regexp.MustCompile(`broker +(http://\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	broker := found[1]
	t.Run("pointed", func(t *testing.T) { w.testPointed(t, broker) })
	for name, request := range map[string]openai.ChatCompletionRequest{
		"system":      {Model: "agent/guide", Messages: append([]openai.ChatCompletionMessage{{Role: "system", Content: "x"}}, user("y")...)},
		"temperature": {Model: "agent/guide", Messages: user("y"), Temperature: 0.5},
	} {
		_, err := w.client(w.key).CreateChatCompletion(ctx, request)
		var fault *openai.APIError
		if !errors.As(err, &fault) || fault.Code != "unsupported_parameter" || fault.HTTPStatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %v", name, err)
		}
	}

	for what, body := range map[string]string{
		"an image":   `"messages":[{"role":"user","content":[{"type":"text","text":"y"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]`,
		"tools":      `"tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"y"}]`,
		"a format":   `"response_format":{"type":"json_object"},"messages":[{"role":"user","content":"y"}]`,
		"max_tokens": `"max_tokens":5,"messages":[{"role":"user","content":"y"}]`,
		"stop":       `"stop":["x"],"messages":[{"role":"user","content":"y"}]`,
		"seed":       `"seed":7,"messages":[{"role":"user","content":"y"}]`,
	} {
		for _, path := range []string{"/v1/chat/completions", "/openai/v1/chat/completions"} {
			if code, text := w.call(http.MethodPost, path, `{"model":"model/default",`+body+`}`); code != http.StatusBadRequest || !strings.Contains(text, "unsupported_parameter") {
				t.Errorf("%s: got %d %s", what, code, text)
			}
		}
	}

	answered := make(chan error, 1)
	go func() { answered <- w.answerOutside(ctx, broker) }()
	got, err := w.stream(ctx, openai.ChatCompletionRequest{Model: "agent/guide", Messages: append([]openai.ChatCompletionMessage{
		{Role: "user", Content: "one"}, {Role: "assistant", Content: "two"}}, user("three")...)})
	if fault := <-answered; fault != nil {
		t.Fatal(fault)
	}
	if want := "one, two, three"; err != nil || got.text != want || got.finish != "stop" {
		t.Errorf("got %+v, %v, want %s", got, err, want)
	}
	response, err := http.Get(broker + "/stream/q")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "NO_NAMESPACE") {
		t.Errorf("a host without a namespace: got %d %s", response.StatusCode, text)
	}
}

// testPointed has each namespace, also one that is made later, point engines at the broker, as
// Ark's engines read that; what users have made themselves stays.
func (w *world) testPointed(t *testing.T, broker string) {
	port := broker[strings.LastIndexByte(broker, ':')+1:]
	const core = "/api/v1/namespaces"
	// What users have made before the server looks at their namespace stays as it is: it looks after
	// 10 s at the latest.
	const owned = `{"metadata":{"name":"ark-config-streaming"},"data":{"enabled":"true","serviceRef":"name: my-broker\nport: http\n"}}`
	own := ""
	for n := 0; own == ""; n++ {
		name := fmt.Sprint("own-", n)
		w.namespace(name)
		switch code, body := w.call(http.MethodPost, core+"/"+name+"/configmaps", owned); code {
		case http.StatusCreated:
			own = name
		case http.StatusConflict: // the server was faster
		default:
			t.Fatalf("make a ConfigMap: %d %s", code, body)
		}
	}
	const off = `{"data":{"enabled":"false"}}`
	if code, body := w.call(http.MethodPost, core, `{"metadata":{"name":"later"}}`); code != http.StatusCreated {
		t.Fatalf("make a namespace: %d %s", code, body)
	}
	for _, namespace := range []string{"default", "later"} {
		for path, want := range map[string][]string{
			"/services/ark-broker":             {`"port":` + port, `"name":"http"`},
			"/configmaps/ark-config-streaming": {`"enabled":"true"`, `name: ark-broker\nport: http\nnamespace: ` + namespace},
			"/configmaps/ark-config-broker":    {`"enabled":"true"`, `name: ark-broker\nport: ` + port + `\nnamespace: ` + namespace},
		} {
			code, body := 0, ""
			for deadline := time.Now().Add(patience); code != http.StatusOK && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
				code, body = w.call(http.MethodGet, core+"/"+namespace+path, "")
			}
			for _, text := range want {
				if !strings.Contains(body, text) {
					t.Errorf("%s%s has no %s: %s", namespace, path, text, body)
				}
			}
		}
		// By the name of the Service the broker knows the namespace.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, broker+"/conversations", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "ark-broker." + namespace + ".svc.cluster.local:" + port
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("the broker by the name of %s's Service: %s", namespace, response.Status)
		}
	}
	// A user turns one off, and removes nothing.
	if code, body := w.call(http.MethodPatch, core+"/later/configmaps/ark-config-broker", off, "Content-Type", "application/merge-patch+json"); code != http.StatusOK {
		t.Fatalf("got %d %s", code, body)
	}
	// Once a namespace that is made after all that is pointed, the server has looked at the others
	// again.
	w.namespace("latest")
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if code, _ := w.call(http.MethodGet, core+"/latest/configmaps/ark-config-broker", ""); code == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the last namespace does not point at the broker")
		}
	}
	for path, want := range map[string]string{"/" + own + "/configmaps/ark-config-streaming": `name: my-broker\nport: http\n"`, "/later/configmaps/ark-config-broker": `"enabled":"false"`} {
		if code, body := w.call(http.MethodGet, core+path, ""); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s is %d %s", path, code, body)
		}
	}
	if code, body := w.call(http.MethodGet, core+"/kube-system/configmaps/ark-config-streaming", ""); code != http.StatusNotFound {
		t.Errorf("kube-system: got %d %s", code, body)
	}
}

// outsideQuery is what the engine outside looks at.
type outsideQuery struct {
	Metadata map[string]any `json:"metadata"`
	Spec     struct {
		Input          string            `json:"input"`
		ConversationID string            `json:"conversationId"`
		Memory         map[string]string `json:"memory"`
	} `json:"spec"`
}

// answerOutside answers the next Query.
func (w *world) answerOutside(ctx context.Context, broker string) error {
	var list struct{ Items []json.RawMessage }
	for len(list.Items) == 0 {
		if err := w.outside(ctx, http.MethodGet, w.url+queriesPath("queries", ""), "", &list); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	var q outsideQuery
	if err := json.Unmarshal(list.Items[0], &q); err != nil {
		return err
	}
	name := q.Metadata["name"].(string)
	var memory struct {
		Status struct {
			Address string `json:"lastResolvedAddress"`
		} `json:"status"`
	}
	if err := w.outside(ctx, http.MethodGet, w.url+queriesPath("memories", q.Spec.Memory["name"]), "", &memory); err != nil {
		return err
	}
	var page struct {
		Items []struct {
			Message struct{ Role, Content string } `json:"message"`
		} `json:"items"`
	}
	if err := w.outside(ctx, http.MethodGet, memory.Status.Address+"/messages?conversation_id="+q.Spec.ConversationID, "", &page); err != nil {
		return err
	}
	var texts []string
	for _, m := range page.Items {
		texts = append(texts, m.Message.Content)
	}
	answer := strings.Join(append(texts, q.Spec.Input), ", ")
	var lines strings.Builder
	for _, part := range []string{answer[:4], answer[4:]} {
		fmt.Fprintf(&lines, `{"id":"x","choices":[{"index":0,"delta":{"content":%q},"finish_reason":null}],"ark":{"agent":"guide"}}`+"\n", part)
	}
	stream := broker + "/namespaces/default/stream/" + name
	if err := w.outside(ctx, http.MethodPost, stream, lines.String(), nil); err != nil {
		return err
	}
	if err := w.outside(ctx, http.MethodPost, stream+"/complete", "{}", nil); err != nil {
		return err
	}
	var whole map[string]any
	if err := json.Unmarshal(list.Items[0], &whole); err != nil {
		return err
	}
	whole["apiVersion"], whole["kind"] = "ark.mckinsey.com/v1alpha1", "Query"
	whole["status"] = map[string]any{"phase": "done", "response": map[string]any{"content": answer}}
	text, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	return w.outside(ctx, http.MethodPut, w.url+queriesPath("queries", name)+"/status", string(text), nil)
}

// outside makes a request as the engine outside.
func (w *world) outside(ctx context.Context, method, url, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(url, w.url) {
		r.Header.Set("Authorization", "Bearer "+w.key)
	}
	response, err := w.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, url, response.StatusCode, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
