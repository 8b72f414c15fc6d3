package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/mckinsey/ark-server/e2e/internal/h2client"
)

// controller is an external controller that executes queries with the writes of Ark's controller:
// the finalizer, pending, running, the end.
type controller struct {
	conns   []*h2client.Conn
	model   string // its URL
	workers chan struct{}
	ended   sync.WaitGroup
	next    int
}

// begin executes a query on a new goroutine, once the number of running ones permits it.
func (c *controller) begin(ctx context.Context, q seen) {
	select {
	case c.workers <- struct{}{}:
	case <-ctx.Done():
		return
	}
	c.next++
	conn := c.conns[c.next%len(c.conns)]
	c.ended.Go(func() {
		defer func() { <-c.workers }()
		if err := c.execute(ctx, conn, q); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "bench: the controller:", err)
		}
	})
}

func (c *controller) execute(ctx context.Context, conn *h2client.Conn, q seen) error {
	path := base + "queries/" + q.Metadata.Name
	answer, err := conn.Send(ctx, http.MethodPatch, path, "application/merge-patch+json", []byte(`{"metadata":{"finalizers":["ark.mckinsey.com/finalizer"]}}`))
	if err != nil {
		return fmt.Errorf("put the finalizer: %w: %.300s", err, answer)
	}
	if answer, err = c.status(ctx, conn, path, answer, `{"phase":"pending","conditions":`+condition("False", "QueryNotStarted")+`}`); err != nil {
		return err
	}
	if answer, err = c.status(ctx, conn, path, answer, `{"phase":"running","conditions":`+condition("False", "QueryRunning")+`}`); err != nil {
		return err
	}
	said, err := c.complete(ctx, q.Spec.Input)
	if err != nil {
		return err
	}
	content, err := json.Marshal(said)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	_, err = c.status(ctx, conn, path, answer, `{"phase":"done","conditions":`+condition("True", "QuerySucceeded")+
		`,"response":{"phase":"done","target":{"type":"agent","name":"plain"},"raw":"[]","content":`+string(content)+`}}`)
	return err
}

func condition(status, reason string) string {
	return `[{"type":"Completed","status":"` + status + `","reason":"` + reason + `","message":"` + reason + `","lastTransitionTime":"2026-01-01T00:00:00Z"}]`
}

// status replaces the status of a query that the server has returned.
func (c *controller) status(ctx context.Context, conn *h2client.Conn, path string, stored []byte, status string) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(stored, &object); err != nil {
		return nil, fmt.Errorf("decode a query: %w", err)
	}
	object["status"] = json.RawMessage(status)
	body, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode a query: %w", err)
	}
	answer, err := conn.Send(ctx, http.MethodPut, path+"/status", jsonType, body)
	if err != nil {
		return nil, fmt.Errorf("write a status: %w: %.300s", err, answer)
	}
	return answer, nil
}

// complete sends the input to the model as the engine does, and returns the answer.
func (c *controller) complete(ctx context.Context, input string) (string, error) {
	body, err := json.Marshal(map[string]any{
		"model": "scripted", "messages": []map[string]string{{"role": "system", "content": "Answer in one sentence."}, {"role": "user", "content": input}},
	})
	if err != nil {
		return "", fmt.Errorf("encode a question: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.model+"/v1/chat/completions", strings.NewReader(string(body)))
	if err != nil {
		return "", fmt.Errorf("ask the model: %w", err)
	}
	request.Header.Set("Content-Type", jsonType)
	answer, err := models.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask the model: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", fmt.Errorf("ask the model: %w", err)
	}
	var whole struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(text, &whole); err != nil || len(whole.Choices) == 0 {
		return "", fmt.Errorf("the model answers %.300s", text)
	}
	return whole.Choices[0].Message.Content, nil
}

// models keeps idle connections for all workers.
var models = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
