package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	openai "github.com/sashabaranov/go-openai"
	"golang.org/x/sync/errgroup"
)

// TestChat is one server for all that is asked.
func TestChat(t *testing.T) {
	w := newWorld(t, "--engine=embedded")
	t.Run("sdk", func(t *testing.T) { testSDK(t, w) })
	t.Run("tools", func(t *testing.T) { testTools(t, w) })
	t.Run("parallel", func(t *testing.T) { testParallel(t, w) })
	t.Run("raw", func(t *testing.T) { testRaw(t, w) })
	t.Run("faults", func(t *testing.T) { testFaults(t, w) })
	t.Run("disconnect", func(t *testing.T) { testDisconnect(t, w) })
	t.Run("idempotency", func(t *testing.T) { testIdempotency(t, w) })
	t.Run("compliance", func(t *testing.T) { testCompliance(t, w) })
	t.Run("responses", func(t *testing.T) { testResponses(t, w) })
	t.Run("response streams", func(t *testing.T) { testResponseStreams(t, w) })
	t.Run("limits", func(t *testing.T) { testLimits(t, w) })
	t.Run("subresources", func(t *testing.T) { testSubresources(t, w) })
	t.Run("broker", func(t *testing.T) { testBroker(t, w) })
	t.Run("streams", func(t *testing.T) { testStreams(t, w) })
	t.Run("events", func(t *testing.T) { testEvents(t, w) })
	t.Run("mcp", func(t *testing.T) { testMCP(t, w) })
	t.Run("keys", func(t *testing.T) { testKeys(t, w) })
	t.Run("parts", func(t *testing.T) { testParts(t, w) })
	t.Run("metrics", func(t *testing.T) { testMetrics(t, w) })
}

func (w *world) client(key string) *openai.Client {
	config := openai.DefaultConfig(key)
	config.BaseURL, config.HTTPClient = w.url+"/openai/v1", w.http
	return openai.NewClientWithConfig(config)
}

func user(text string) []openai.ChatCompletionMessage {
	return []openai.ChatCompletionMessage{{Role: "user", Content: text}}
}

// said is what a stream has come to.
type said struct {
	text, finish string
	calls        []openai.ToolCall
	tokens       int
}

func (w *world) stream(ctx context.Context, r openai.ChatCompletionRequest) (s said, err error) {
	stream, err := w.client(w.key).CreateChatCompletionStream(ctx, r)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		if chunk.Usage != nil {
			s.tokens = chunk.Usage.TotalTokens
		}
		for _, c := range chunk.Choices {
			s.text += c.Delta.Content
			s.finish += string(c.FinishReason)
			for _, call := range c.Delta.ToolCalls {
				if *call.Index == len(s.calls) {
					s.calls = append(s.calls, call)
				} else {
					s.calls[*call.Index].Function.Arguments += call.Function.Arguments
				}
			}
		}
	}
}

func testSDK(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := w.client(w.key)

	list, err := client.ListModels(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range list.Models {
		ids = append(ids, m.ID)
	}
	if got := strings.Join(ids, " "); got != "agent/editor agent/guide model/default team/news" {
		t.Errorf("the models are %s", got)
	}
	if m, err := client.GetModel(ctx, "agent/guide"); err != nil || m.ID != "agent/guide" || m.OwnedBy != "ark" || m.CreatedAt == 0 {
		t.Errorf("got %+v, %v", m, err)
	}

	// The whole history goes to the model, in its order, and the parameters too.
	answer, err := client.CreateChatCompletion(ctx, openai.ChatCompletionRequest{
		Model: "agent/guide", MaxCompletionTokens: 100, Temperature: 0.5,
		Messages: append([]openai.ChatCompletionMessage{
			{Role: "system", Content: "Be kind."}, {Role: "user", Content: "one"}, {Role: "assistant", Content: "two"},
		}, user("count them")...),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "system=You are the guide.; system=Be kind.; user=one; assistant=two; user=count them"
	if c := answer.Choices[0]; c.Message.Content != want || c.FinishReason != "stop" || answer.Usage.TotalTokens == 0 || answer.Model != "agent/guide" {
		t.Errorf("got %+v", answer)
	}
	requests := w.model.Requests()
	if body := string(requests[len(requests)-1].Body); !strings.Contains(body, `"max_completion_tokens":100`) || !strings.Contains(body, `"temperature":0.5`) {
		t.Errorf("the model was sent %s", body)
	}

	// A team is one voice: that of its last speaker.
	for _, target := range []string{"agent/guide", "team/news", "default/model/default"} {
		got, err := w.stream(ctx, openai.ChatCompletionRequest{Model: target, Messages: user("hello"), StreamOptions: &openai.StreamOptions{IncludeUsage: true}})
		if err != nil || got.text != "You said: hello" || got.finish != "stop" || got.tokens == 0 {
			t.Errorf("%s: got %+v, %v", target, got, err)
		}
	}

	tools := []openai.Tool{{Type: "function", Function: &openai.FunctionDefinition{Name: "weather"}}}
	for name, c := range map[string]struct {
		client  *openai.Client
		request openai.ChatCompletionRequest
		status  int
		code    string
	}{
		"no such model": {client, openai.ChatCompletionRequest{Model: "agent/none"}, 404, "model_not_found"},
		"no such kind":  {client, openai.ChatCompletionRequest{Model: "gpt-4"}, 404, "model_not_found"},
		"wrong key":     {w.client("ark_wrong"), openai.ChatCompletionRequest{Model: "agent/guide"}, 401, "invalid_api_key"},
		"two answers":   {client, openai.ChatCompletionRequest{Model: "agent/guide", N: 2}, 400, "unsupported_parameter"},
		"tools":         {client, openai.ChatCompletionRequest{Model: "agent/guide", Tools: tools}, 400, "unsupported_parameter"},
	} {
		c.request.Messages = user("hello")
		_, err := c.client.CreateChatCompletion(ctx, c.request)
		var fault *openai.APIError
		if !errors.As(err, &fault) || fault.HTTPStatusCode != c.status || fault.Code != c.code || fault.Message == "" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// The model's error is the client's.
	_, err = client.CreateChatCompletion(ctx, openai.ChatCompletionRequest{Model: "agent/guide", Messages: user("fail")})
	var fault *openai.APIError
	if !errors.As(err, &fault) || fault.HTTPStatusCode != http.StatusInternalServerError || fault.Code != "query_failed" || !strings.Contains(fault.Message, "the model does not like that") {
		t.Errorf("got %v", err)
	}
}

// testTools has the client call its own tools, with a stream and without one, and answer.
func testTools(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request := openai.ChatCompletionRequest{Model: "model/default", Messages: user("call it"), Tools: []openai.Tool{{
		Type: "function", Function: &openai.FunctionDefinition{Name: "weather", Parameters: map[string]any{"type": "object"}},
	}}}
	const arguments = `{"city":"Oslo"}`
	answer, err := w.client(w.key).CreateChatCompletion(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	calls := answer.Choices[0].Message.ToolCalls
	if len(calls) != 1 || calls[0].Function.Name != "weather" || calls[0].Function.Arguments != arguments || answer.Choices[0].FinishReason != "tool_calls" {
		t.Fatalf("got %+v", answer)
	}
	if got, err := w.stream(ctx, request); err != nil || len(got.calls) != 1 || got.calls[0].Function.Arguments != arguments || got.finish != "tool_calls" {
		t.Errorf("got %+v, %v", got, err)
	}
	request.Messages = append(request.Messages, answer.Choices[0].Message, openai.ChatCompletionMessage{Role: "tool", ToolCallID: calls[0].ID, Content: "rain"})
	if answer, err = w.client(w.key).CreateChatCompletion(ctx, request); err != nil || answer.Choices[0].Message.Content != "You said: rain" {
		t.Errorf("got %+v, %v", answer, err)
	}
}

// testParallel has 16 clients ask at once; each gets its own answer.
func testParallel(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var asking errgroup.Group
	for i := range 16 {
		asking.Go(func() error {
			for n := range 3 {
				question := fmt.Sprintf("nonce %d-%d", i, n)
				got, err := w.stream(ctx, openai.ChatCompletionRequest{Model: "agent/guide", Messages: user(question)})
				if err != nil {
					return err
				}
				if got.text != "You said: "+question || got.finish != "stop" {
					return fmt.Errorf("asked %q, got %+v", question, got)
				}
			}
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		t.Error(err)
	}
}
