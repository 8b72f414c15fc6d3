package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

const (
	// maxLine is the maximum length of a line of a stream: the last line contains the whole Query.
	maxLine = 64 << 20
	// maxFault is how much of the body of an error is read.
	maxFault = 64 << 10
)

// ask sends messages, prints the stream, and returns the answer.
func (c *conversation) ask(ctx context.Context, messages []saidMessage) (string, error) {
	body, err := json.Marshal(map[string]any{
		"messages": messages, "stream": true, "metadata": map[string]string{"conversationId": c.id, "sessionId": c.id},
	})
	if err != nil {
		return "", fmt.Errorf("write the question: %w", err)
	}
	response, err := c.post(ctx, c.proxyPath(), body)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // the body was only read
	if response.StatusCode != http.StatusOK {
		return "", faultOf(response)
	}
	t := &turn{conversation: c}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		if data = strings.TrimSpace(data); data == "[DONE]" {
			return t.end()
		}
		if err := t.take(ctx, data); err != nil {
			return "", err
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return "", errors.New("the server has broken the answer off")
}

// post sends a request whose answer is a stream.
func (a *app) post(ctx context.Context, path string, body []byte) (*http.Response, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return client.Do(r)
}

// faultOf decodes an error of the OpenAI API or of Kubernetes. If a Query was created, the result
// has the exit code of a failed Query.
func faultOf(r *http.Response) error {
	err := messageOf(r)
	switch {
	case r.Header.Get("X-Ark-Query") == "":
		return err
	case r.StatusCode == http.StatusGatewayTimeout:
		return &failure{err, codeTimeout}
	}
	return &failure{err, codeQueryFailed}
}

func messageOf(r *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxFault))
	var fault struct {
		Error   struct{ Message string }
		Message string
	}
	if err == nil && json.Unmarshal(text, &fault) == nil {
		if message := fault.Error.Message + fault.Message; message != "" {
			return errors.New(message)
		}
	}
	return errors.New(r.Status + " " + oneLine(string(text), 200))
}

// call is a tool call.
type call struct {
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// event is a chunk of a chat, with only the fields that are printed.
type event struct {
	Choices []struct {
		Delta struct {
			Content   string `json:"content"`
			ToolCalls []call `json:"tool_calls"`
		} `json:"delta"`
	} `json:"choices"`
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
	Ark struct {
		Agent     string    `json:"agent"`
		Content   string    `json:"content"` // of a member whose text is not the answer
		ToolCalls []call    `json:"toolCalls"`
		Event     *approval `json:"event"`
	} `json:"ark"`
}

// approval is a request of an agent for the approval of tool calls.
type approval struct {
	Type      string `json:"type"`
	AgentName string `json:"agentName"`
	TaskID    string `json:"taskId"`
	ToolCalls []call `json:"toolCalls"`
}

// turn prints one answer.
type turn struct {
	*conversation
	answer  strings.Builder
	speaker string
	open    bool // a line has begun
	called  call // the last call that was printed
	failed  error
}

func (t *turn) take(ctx context.Context, data string) error {
	var e event
	if json.Unmarshal([]byte(data), &e) != nil {
		return nil // an event that is not printed
	}
	if e.Error != nil {
		t.failed = errors.New(e.Error.Message)
		return nil
	}
	calls := e.Ark.ToolCalls
	for _, choice := range e.Choices {
		calls = append(calls, choice.Delta.ToolCalls...)
		t.answer.WriteString(choice.Delta.Content)
		if err := t.say(e.Ark.Agent, choice.Delta.Content); err != nil {
			return err
		}
	}
	if err := t.say(e.Ark.Agent, e.Ark.Content); err != nil {
		return err
	}
	for _, called := range calls {
		if err := t.call(e.Ark.Agent, called); err != nil {
			return err
		}
	}
	if e.Ark.Event != nil && e.Ark.Event.TaskID != "" {
		return t.decide(ctx, *e.Ark.Event)
	}
	return nil
}

// say prints a part of a text; for a team it prints the speaker too.
func (t *turn) say(speaker, text string) error {
	if text == "" {
		return nil
	}
	if speaker != t.speaker {
		if err := t.close(); err != nil {
			return err
		}
		t.speaker = speaker
		if t.target.Type == v1alpha1.QueryTargetTeam {
			text = t.colour(bold, oneLine(speaker, 253)+": ") + harmless(text)
			t.open = true
			_, err := io.WriteString(t.out, text)
			return err
		}
	}
	t.open = !strings.HasSuffix(text, "\n")
	_, err := io.WriteString(t.out, harmless(text))
	return err
}

// close ends the line if one has begun.
func (t *turn) close() error {
	if !t.open {
		return nil
	}
	t.open = false
	_, err := fmt.Fprintln(t.out)
	return err
}

// call prints a tool call once, when it is complete: it is also sent in parts.
func (t *turn) call(agent string, called call) error {
	if called.Function.Name == "" || called == t.called || !json.Valid([]byte(called.Function.Arguments)) {
		return nil
	}
	t.called = called
	if err := t.close(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(t.out, t.colour(dim, oneLine(agent, 253)+" calls "+describe(called)))
	return err
}

func describe(called call) string {
	return oneLine(called.Function.Name, 253) + " " + oneLine(called.Function.Arguments, 1000)
}

// decide asks the user whether to approve the tool calls of an agent, and sends the decision to the
// server.
func (t *turn) decide(ctx context.Context, wants approval) error {
	if err := t.close(); err != nil {
		return err
	}
	var calls []string
	for _, called := range wants.ToolCalls {
		calls = append(calls, describe(called))
	}
	question := fmt.Sprintf("May %s call %s? [y/n] ", oneLine(wants.AgentName, 253), strings.Join(calls, ", "))
	for {
		line, err := t.lines.read(ctx, t.colour(yellow, question))
		if errors.Is(err, io.EOF) || err != nil && ctx.Err() != nil {
			return &failure{fmt.Errorf("nobody has decided whether %s may call %s, so the query is canceled", wants.AgentName, strings.Join(calls, ", ")), codeInput}
		}
		if errors.Is(err, errInterrupted) {
			line, err = "n", nil
		}
		if err != nil {
			return err
		}
		decision := ""
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			decision = "approved"
		case "n", "no":
			decision = "rejected"
		default:
			continue
		}
		if err := t.write(ctx, wants.TaskID, decision); err != nil {
			return err
		}
		_, err = fmt.Fprintln(t.out, t.colour(dim, decision))
		return err
	}
}

// end is called at the end of the stream.
func (t *turn) end() (string, error) {
	if err := t.close(); err != nil {
		return "", err
	}
	if t.failed != nil {
		return "", &failure{t.failed, codeQueryFailed}
	}
	return t.answer.String(), nil
}
