package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

const (
	// maxAnswer is the most bytes of one answer, chunks included.
	maxAnswer = 64 << 20
	// maxErrorBody is how much of a failed request's answer is read, and maxErrorText how much of it
	// the error quotes.
	maxErrorBody = 64 << 10
	maxErrorText = 1000
)

// Endpoint is the address of a model and how to reach it.
type Endpoint struct {
	// BaseURL is the URL of the API without a final slash.
	BaseURL string
	// Name is the provider's name for the model.
	Name string
	// Headers authorize requests, and include the headers that the Model sets.
	Headers map[string]string
	// Properties are added to each request.
	Properties map[string]string
	// Secrets lists strings that no error may contain: keys, values of headers from Secrets.
	Secrets []string
	// Client makes the requests.
	Client *http.Client
	// Retry is the retry policy.
	Retry Retry
}

// ID implements Model.
func (e Endpoint) ID() string { return e.Name }

// StatusError is a response with an error status.
type StatusError struct {
	Code    int
	Message string // the provider's, without secrets
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the model's server answered %d %s: %s", e.Code, http.StatusText(e.Code), e.Message)
}

// post makes a request, and retries it until it succeeds or a retry is useless. The caller closes
// the answer's body.
func (e Endpoint) post(ctx context.Context, url string, headers map[string]string, body any) (*http.Response, error) {
	text, err := encode(body)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		answer, err := e.once(ctx, url, headers, text)
		if err == nil {
			return answer, nil
		}
		if again := e.Retry.after(ctx, attempt, err); !again {
			return nil, err
		}
	}
}

func encode(body any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return out.Bytes(), nil
}

func (e Endpoint) once(ctx context.Context, url string, headers map[string]string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", e.hide(err))
	}
	request.Header.Set("Content-Type", "application/json")
	for _, more := range []map[string]string{e.Headers, headers} {
		for name, value := range more {
			request.Header.Set(name, value)
		}
	}
	answer, err := e.Client.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, &connectionError{e.hide(err)}
	}
	if answer.StatusCode < http.StatusMultipleChoices {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxErrorBody))
	if err != nil {
		text = []byte("its answer broke off")
	}
	return nil, &retryable{
		error: &StatusError{Code: answer.StatusCode, Message: e.hideText(errorText(text))},
		after: retryAfter(answer.Header), worth: worthRetry(answer.StatusCode),
	}
}

// connectionError is the error of a request that got no answer.
type connectionError struct{ error }

func (e *connectionError) Unwrap() error { return e.error }
func (e *connectionError) Error() string { return "the model cannot be reached: " + e.error.Error() }

// errorText finds the message in a server's answer to a failed request.
func errorText(body []byte) string {
	var wire struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	text := strings.TrimSpace(string(body))
	if json.Unmarshal(body, &wire) == nil {
		var inner struct {
			Message string `json:"message"`
		}
		var plain string
		switch {
		case json.Unmarshal(wire.Error, &inner) == nil && inner.Message != "":
			text = inner.Message
		case json.Unmarshal(wire.Error, &plain) == nil && plain != "":
			text = plain
		case wire.Message != "":
			text = wire.Message
		}
	}
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	if text == "" {
		return "no reason given"
	}
	return text
}

// hideText removes the endpoint's secrets from a text.
func (e Endpoint) hideText(text string) string {
	for _, secret := range e.Secrets {
		if len(secret) >= minSecret {
			text = strings.ReplaceAll(text, secret, "[hidden]")
		}
	}
	return text
}

// minSecret is the length of the shortest string that is treated as a secret: shorter ones occur in
// any text.
const minSecret = 4

// hide returns an error with the secrets removed, or the error itself if it contains none.
func (e Endpoint) hide(err error) error {
	if text := err.Error(); e.hideText(text) != text {
		return errors.New(e.hideText(text))
	}
	return err
}

// limitBody bounds the bytes that are read of an answer.
func limitBody(answer *http.Response) io.Reader {
	return &capped{answer.Body, maxAnswer}
}

// capped returns an error after more than a number of bytes has been read.
type capped struct {
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, &outbound.TooLargeError{Limit: maxAnswer}
	}
	n, err := c.from.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// overlay adds properties to a request, except those that the engine sets itself.
func (e Endpoint) overlay(request map[string]any, fixed ...string) {
	for name, text := range e.Properties {
		if !slices.Contains(fixed, name) {
			request[name] = property(name, text)
		}
	}
}
