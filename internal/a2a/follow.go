package a2a

import (
	"context"
	"encoding/json"
	"strings"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/stream"
)

// state is a Query after something of it has changed, or why it is no longer followed.
type state struct {
	query *v1alpha1.Query
	err   error
}

// following is a stream of events of a task.
type following struct {
	query *v1alpha1.Query
	yield func(protocol.Event, error) bool
	// said is what was sent of the answer. between says that a call of the model has ended: what
	// follows takes its place.
	said    strings.Builder
	between bool
	gone    bool
}

// follow sends the events of a task until it has ended, or waits for somebody.
func (m *methods) follow(ctx context.Context, q *v1alpha1.Query, yield func(protocol.Event, error) bool) {
	f := &following{query: q, yield: yield}
	if f.send(taskOf(q)); settled(q) {
		return
	}
	from, err := m.server.options.Broker.Read(stream.Key{Namespace: q.Namespace, Query: q.Name}, string(q.UID), true)
	if err != nil {
		yield(nil, fault(protocol.ErrServerError, "%v", err))
		return
	}
	defer from.Close()
	ctx, stop := context.WithCancel(ctx)
	states := m.states(ctx, q)
	defer func() {
		stop()
		for range states { // the channel is closed when the watch has ended
		}
	}()
	for over := false; !f.gone; {
		var changed <-chan struct{}
		if !over {
			chunks, end, more := from.Take()
			f.take(chunks)
			changed, over = more, end != nil
		}
		select {
		case <-changed:
		case <-m.server.closing:
			yield(nil, fault(protocol.ErrServerError, "%v", stream.ErrClosed))
			return
		case next, open := <-states:
			if !open { // the client has gone
				return
			}
			if next.err == nil && settled(next.query) && !over {
				chunks, _, _ := from.Take()
				f.take(chunks)
			}
			if f.change(next) {
				return
			}
		}
	}
}

// states follows a Query until it has settled. The channel is closed after that.
func (m *methods) states(ctx context.Context, q *v1alpha1.Query) <-chan state {
	out := make(chan state)
	go func() {
		defer close(out)
		for s := (state{query: q}); s.err == nil && !settled(s.query); {
			s.query, s.err = ask.Next(ctx, m.server.options.System, s.query)
			select {
			case out <- s:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (f *following) send(e protocol.Event) {
	if !f.gone {
		f.gone = !f.yield(e, nil)
	}
}

// change sends what a change of the Query means, and reports whether it is the last.
func (f *following) change(s state) (over bool) {
	switch {
	case apierrors.IsNotFound(s.err):
		f.yield(nil, fault(protocol.ErrTaskNotFound, "the task %s was deleted", f.query.Name))
		return true
	case s.err != nil:
		f.yield(nil, faultOf(s.err))
		return true
	}
	before := stateOf(f.query)
	f.query = s.query
	now := stateOf(f.query)
	if now == protocol.TaskStateCompleted {
		f.rest()
	}
	if now != before {
		info := infoOf(f.query)
		f.send(&protocol.TaskStatusUpdateEvent{TaskID: info.TaskID, ContextID: info.ContextID, Status: statusOf(f.query)})
	}
	return settled(f.query)
}

// chunk is the part of a chunk that is sent: what the agent says.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Ark struct {
		Completed json.RawMessage `json:"completedQuery"`
	} `json:"ark"`
}

// take sends what is new of the answer. Only the last call of the model is the answer: when another
// one begins to speak, its text takes the place of what was sent.
func (f *following) take(chunks [][]byte) {
	for _, raw := range chunks {
		var c chunk
		if json.Unmarshal(raw, &c) != nil || len(c.Ark.Completed) > 0 {
			continue
		}
		for _, choice := range c.Choices {
			if choice.Delta.Content != "" {
				f.say(choice.Delta.Content, !f.between && f.said.Len() > 0)
			}
			f.between = f.between || choice.FinishReason != nil && *choice.FinishReason != ""
		}
	}
}

// say sends a part of the answer, behind what was sent or in its place.
func (f *following) say(text string, appends bool) {
	if !appends {
		f.said.Reset()
		f.between = false
	}
	f.said.WriteString(text)
	info := infoOf(f.query)
	f.send(&protocol.TaskArtifactUpdateEvent{
		TaskID: info.TaskID, ContextID: info.ContextID, Append: appends,
		Artifact: &protocol.Artifact{ID: answerID, Name: "answer", Parts: protocol.ContentParts{protocol.NewTextPart(text)}},
	})
}

// rest sends what is missing of the answer.
func (f *following) rest() {
	content := contentOf(f.query)
	said := f.said.String()
	switch {
	case content == said:
	case said != "" && strings.HasPrefix(content, said):
		f.say(content[len(said):], true)
	default:
		f.say(content, false)
	}
}
