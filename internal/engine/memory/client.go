package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

const (
	timeout = 30 * time.Second
	// maxAnswer is the most bytes of one answer.
	maxAnswer = 32 << 20
	// maxMessages is how many messages of a conversation are read.
	maxMessages = 10_000
	maxText     = 500
)

// Client is a client of one memory. It is immutable.
type Client struct {
	// URL is the address of the memory, and Headers are sent with each request.
	URL     string
	Headers map[string]string
	HTTP    *http.Client
}

// statusError is a response with an error status.
type statusError struct {
	code int
	text string
}

// Error implements error.
func (e *statusError) Error() string {
	return fmt.Sprintf("the memory answered %d %s: %s", e.code, http.StatusText(e.code), e.text)
}

// call makes a request and decodes its answer, unless into is nil.
func (c Client) call(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the memory has not answered within %s", timeout))
	defer cancel()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode a request to the memory: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("make a request to the memory: %w", err)
	}
	request.Header.Set("User-Agent", "ark-memory-client/1.0")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	answer, err := c.HTTP.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // the URL may contain secrets
		}
		return fmt.Errorf("the memory cannot be reached: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	got, err := outbound.ReadAll(answer.Body, maxAnswer)
	if err != nil {
		return fmt.Errorf("read the memory's answer: %w", err)
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		return &statusError{answer.StatusCode, strings.ToValidUTF8(string(got[:min(len(got), maxText)]), "")}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(got, into); err != nil {
		return fmt.Errorf("decode the memory's answer: %w", err)
	}
	return nil
}

// Begin creates a conversation and returns its id.
func (c Client) Begin(ctx context.Context) (string, error) {
	var made struct {
		ID string `json:"conversation_id"`
	}
	if err := c.call(ctx, http.MethodPost, "/conversations", nil, &made); err != nil {
		return "", err
	}
	if made.ID == "" {
		return "", errors.New("the memory has made a conversation without an id")
	}
	return made.ID, nil
}

// Messages returns the messages of a conversation, from all pages.
func (c Client) Messages(ctx context.Context, conversation string) ([]provider.Message, error) {
	var out []provider.Message
	cursor := ""
	for {
		query := url.Values{"conversation_id": {conversation}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		var page struct {
			Items []struct {
				Message provider.Message `json:"message"`
			} `json:"items"`
			HasMore bool            `json:"hasMore"`
			Next    json.RawMessage `json:"nextCursor"`
		}
		if err := c.call(ctx, http.MethodGet, "/messages?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			m := item.Message
			switch m.Role {
			case provider.System, provider.User, provider.Assistant, provider.ToolRole:
			default:
				m.Role = provider.User
			}
			out = append(out, m)
		}
		next := cursorText(page.Next)
		if !page.HasMore || next == "" || next == cursor {
			return out, nil
		}
		if len(out) > maxMessages {
			return nil, fmt.Errorf("the conversation has more than %d messages", maxMessages)
		}
		cursor = next
	}
}

// cursorText parses a cursor, which may be a string or a number.
func cursorText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var number int64
	if json.Unmarshal(raw, &number) == nil {
		return strconv.FormatInt(number, 10)
	}
	return ""
}

// Add adds messages to a conversation, which are kept for ttl; 0 leaves that to the memory.
func (c Client) Add(ctx context.Context, conversation, query string, messages []provider.Message, ttl time.Duration) error {
	body := map[string]any{"conversation_id": conversation, "query_id": query, "messages": messages}
	if ttl > 0 {
		body["ttl_seconds"] = int64(ttl.Seconds())
	}
	return c.call(ctx, http.MethodPost, "/messages", body, nil)
}

// Forget deletes the messages of a query. It returns no error for a memory that does not support
// deletion.
func (c Client) Forget(ctx context.Context, query string) error {
	err := c.call(ctx, http.MethodDelete, "/queries/"+url.PathEscape(query)+"/messages", nil, nil)
	var status *statusError
	if errors.As(err, &status) && (status.code == http.StatusNotFound || status.code == http.StatusMethodNotAllowed) {
		return nil
	}
	return err
}
