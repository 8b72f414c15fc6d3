package chat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	openai "github.com/sashabaranov/go-openai"
	"golang.org/x/sync/errgroup"
)

// limited makes a key with limits.
func (w *world) limited(limits string) string {
	w.t.Helper()
	code, body := w.call(http.MethodPost, "/ark/tokens", `{"user":"keyholder","groups":["system:masters"],"ttlSeconds":600,"chat":{"namespace":"default","limits":`+limits+`}}`)
	var made struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(body), &made); code != http.StatusCreated || err != nil {
		w.t.Fatalf("make a key: %d %s, %v", code, body, err)
	}
	return made.Token
}

// testLimits: exactly as many requests pass as a key may make, and the others are OpenAI's 429.
func testLimits(t *testing.T, w *world) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const most = 5
	key := w.limited(`{"requestsPerMinute":5}`)
	var passed atomic.Int64
	var asking errgroup.Group
	began := time.Now()
	for range 12 {
		asking.Go(func() error {
			_, err := w.client(key).CreateChatCompletion(ctx, openai.ChatCompletionRequest{Model: "agent/guide", Messages: user("hello")})
			var fault *openai.APIError
			switch {
			case err == nil:
				passed.Add(1)
			case !errors.As(err, &fault), fault.HTTPStatusCode != http.StatusTooManyRequests, fault.Code != "rate_limit_exceeded", fault.Type != "rate_limit_error":
				return err
			}
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		t.Error(err)
	}
	if got := passed.Load(); got != most && time.Since(began) < time.Minute {
		t.Errorf("%d requests have passed, want %d", got, most)
	}
	ask := func(key, path string) (*http.Response, string) {
		t.Helper()
		body := `{"model":"agent/guide","messages":[{"role":"user","content":"hello"}],"input":"hello"}`
		response := w.request(ctx, http.MethodPost, path, strings.NewReader(body), "Authorization", "Bearer "+key)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, string(text)
	}
	// The Responses API has the same limit.
	response, text := ask(key, responsesPath)
	for name, want := range map[string]string{"X-RateLimit-Limit-Requests": "5", "X-RateLimit-Remaining-Requests": "0"} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" || response.Header.Get("Retry-After-Ms") == "" || !strings.Contains(text, "requests per min") {
		t.Errorf("got %d %v %s", response.StatusCode, response.Header, text)
	}
	if code, _ := w.call(http.MethodGet, "/v1/models", "", "Authorization", "Bearer "+key); code != http.StatusOK {
		t.Errorf("the models are %d", code)
	}

	// An answer takes 4 tokens: one passes, and the next does not.
	for limits, want := range map[string]string{`{"tokensPerMinute":4}`: "rate_limit_exceeded", `{"tokensPerDay":4}`: "insufficient_quota"} {
		key := w.limited(limits)
		first, text := ask(key, "/v1/chat/completions")
		if first.StatusCode != http.StatusOK || first.Header.Get("X-RateLimit-Remaining-Tokens") != "4" {
			t.Errorf("%s: got %d %v %s", limits, first.StatusCode, first.Header, text)
		}
		second, text := ask(key, "/v1/chat/completions")
		if second.StatusCode != http.StatusTooManyRequests || !strings.Contains(text, want) || second.Header.Get("X-RateLimit-Remaining-Tokens") != "0" {
			t.Errorf("%s: got %d %v %s", limits, second.StatusCode, second.Header, text)
		}
	}
}
