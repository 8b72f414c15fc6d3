package a2a

import (
	"context"
	"errors"
	"fmt"
	"strings"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2aclient"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
)

// Question is the input of one request to an agent.
type Question struct {
	Text string
	// ContextID is the conversation's ID; "" starts a new one.
	ContextID string
	// Extensions are URIs; Metadata holds their values.
	Extensions []string
	Metadata   map[string]any
	// Said receives the answer in parts as it arrives, if the agent is asked for a stream; nil
	// requests the whole answer.
	Said func(text string)
}

// Answer is an agent's reply.
type Answer struct {
	Text string
	// ContextID is the conversation's ID, and TaskID the task's ID if the agent has created a task.
	ContextID, TaskID string
	Metadata          map[string]any
}

// StateError reports that a task ended in a state that carries no answer.
type StateError struct{ State, Text string }

// Error implements error.
func (e *StateError) Error() string {
	if e.Text != "" {
		return fmt.Sprintf("the agent's task is %s: %s", e.State, e.Text)
	}
	return fmt.Sprintf("the agent's task is %s", e.State)
}

// Ask sends a question to an agent. If there is an error, the answer still has the conversation and
// the task if they are known.
func Ask(ctx context.Context, a Agent, q Question) (Answer, error) {
	home, client, err := a.home()
	if err != nil {
		return Answer{}, err
	}
	message := protocol.NewMessage(protocol.MessageRoleUser, protocol.NewTextPart(q.Text))
	message.ContextID, message.Extensions, message.Metadata = q.ContextID, q.Extensions, q.Metadata
	// A configuration, even an empty one, requests a blocking call.
	request := &protocol.SendMessageRequest{Message: message, Config: &protocol.SendMessageConfig{}}
	var answer Answer
	// If a method does not exist, nothing has run, so the next one is safe to try. Agents of both
	// versions, with and without streams, are tried in the same way.
	for _, version := range []version{
		{a2av0.NewJSONRPCTransport(a2av0.JSONRPCTransportConfig{URL: a.URL, Client: client}), nil},
		{a2aclient.NewJSONRPCTransport(a.URL, client), a2aclient.ServiceParams{protocol.SvcParamVersion: {string(protocol.Version)}}},
	} {
		if q.Said != nil {
			home.Begin()
			if answer, err = version.stream(ctx, request, q.Said); !refused(err) {
				break
			}
		}
		home.Begin()
		if answer, err = version.send(ctx, request); !refused(err) {
			break
		}
	}
	var state *StateError
	switch {
	case err == nil || errors.As(err, &state):
		return answer, err
	case context.Cause(ctx) != nil:
		return answer, context.Cause(ctx)
	}
	return answer, home.Cause(err)
}

// refused reports whether an agent lacks the method that was called.
func refused(err error) bool {
	return err != nil && (errors.Is(err, protocol.ErrMethodNotFound) || errors.Is(err, protocol.ErrUnsupportedOperation))
}

// version is a version of the A2A protocol.
type version struct {
	transport a2aclient.Transport
	params    a2aclient.ServiceParams // headers that belong to it
}

func (v version) send(ctx context.Context, request *protocol.SendMessageRequest) (Answer, error) {
	result, err := v.transport.SendMessage(ctx, v.params, request)
	if err != nil {
		return Answer{}, err
	}
	switch r := result.(type) {
	case *protocol.Message:
		return Answer{Text: text(r.Parts), ContextID: r.ContextID, TaskID: string(r.TaskID), Metadata: r.Metadata}, nil
	case *protocol.Task:
		return ofTask(r)
	}
	return Answer{}, errors.New("the agent has answered with neither a message nor a task")
}

// ofTask returns the answer in a task: the agent's messages, or else its artifacts, or else its
// status.
func ofTask(t *protocol.Task) (Answer, error) {
	out := Answer{ContextID: t.ContextID, TaskID: string(t.ID), Metadata: t.Metadata}
	status := ""
	if t.Status.Message != nil {
		status = text(t.Status.Message.Parts)
		if out.Metadata == nil {
			out.Metadata = t.Status.Message.Metadata
		}
	}
	if t.Status.State != protocol.TaskStateCompleted {
		return out, &StateError{stateName(t.Status.State), status}
	}
	var said []string
	for _, m := range t.History {
		if m.Role == protocol.MessageRoleAgent {
			if words := text(m.Parts); words != "" {
				said = append(said, words)
			}
		}
	}
	if len(said) == 0 {
		for _, artifact := range t.Artifacts {
			if words := text(artifact.Parts); words != "" {
				said = append(said, words)
			}
		}
	}
	if len(said) == 0 && status != "" {
		said = []string{status}
	}
	out.Text = strings.Join(said, "\n")
	return out, nil
}

// stateName returns a state as protocol version 0.3 writes it. Ark's objects use the same names.
func stateName(s protocol.TaskState) string {
	name := strings.TrimPrefix(strings.ToLower(s.String()), "task_state_")
	if name == "" {
		return "unknown"
	}
	return strings.ReplaceAll(name, "_", "-")
}

// text joins the texts of parts.
func text(parts protocol.ContentParts) string {
	var out strings.Builder
	for _, p := range parts {
		if p != nil {
			out.WriteString(p.Text())
		}
	}
	return out.String()
}

// stream requests the answer in parts. Messages and artifacts are concatenated, a task replaces
// what came before it, and the status is used if there is nothing else.
func (v version) stream(ctx context.Context, request *protocol.SendMessageRequest, said func(string)) (Answer, error) {
	var out Answer
	var all strings.Builder
	last, events := "", 0
	say := func(words string) {
		if words != "" {
			all.WriteString(words)
			said(words)
		}
	}
	for event, err := range v.transport.SendStreamingMessage(ctx, v.params, request) {
		if err != nil {
			return out, err
		}
		events++
		switch e := event.(type) {
		case *protocol.Message:
			out.ContextID, out.Metadata = e.ContextID, e.Metadata
			say(text(e.Parts))
		case *protocol.Task:
			whole, err := ofTask(e)
			out.ContextID, out.TaskID, out.Metadata = whole.ContextID, whole.TaskID, whole.Metadata
			if err != nil && (e.Status.State.Terminal() || e.Status.State == protocol.TaskStateInputRequired || e.Status.State == protocol.TaskStateAuthRequired) {
				return out, err
			}
			if err == nil && whole.Text != all.String() {
				fresh := strings.TrimPrefix(whole.Text, all.String())
				all.Reset()
				all.WriteString(strings.TrimSuffix(whole.Text, fresh))
				say(fresh)
			}
		case *protocol.TaskArtifactUpdateEvent:
			out.ContextID, out.TaskID = e.ContextID, string(e.TaskID)
			say(text(e.Artifact.Parts))
		case *protocol.TaskStatusUpdateEvent:
			out.ContextID, out.TaskID = e.ContextID, string(e.TaskID)
			last = ""
			if e.Status.Message != nil {
				last = text(e.Status.Message.Parts)
				if e.Status.Message.Metadata != nil {
					out.Metadata = e.Status.Message.Metadata
				}
			}
			switch e.Status.State {
			case protocol.TaskStateSubmitted, protocol.TaskStateWorking, protocol.TaskStateCompleted:
			default:
				return out, &StateError{stateName(e.Status.State), last}
			}
		}
		if all.Len() > maxAnswer {
			return out, fmt.Errorf("the agent has said more than %d bytes, the most that are taken", maxAnswer)
		}
	}
	if events == 0 {
		return out, errors.New("the agent has said nothing")
	}
	if all.Len() == 0 {
		say(last)
	}
	out.Text = all.String()
	return out, nil
}
