package a2a

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
)

// Annotations of Queries that were made here.
const (
	// annotationUser is who has made the Query.
	annotationUser = "ark.mckinsey.com/a2a-user"
	// annotationMessage is the ID of the message that the Query was made for.
	annotationMessage = "ark.mckinsey.com/a2a-message"
	// annotationStreaming asks engines outside for chunks.
	annotationStreaming = "ark.mckinsey.com/streaming-enabled"
)

const (
	// maxID is the longest ID of a message or a context that is taken.
	maxID = 253
	// defaultMemory is the Memory that keeps conversations, where there is one.
	defaultMemory = "default"
)

func fault(kind error, format string, args ...any) error {
	return protocol.NewError(kind, fmt.Sprintf(format, args...))
}

// text joins the texts and data of a message.
func text(m *protocol.Message) (string, error) {
	var out []string
	for i, part := range m.Parts {
		if part == nil {
			continue
		}
		switch content := part.Content.(type) {
		case protocol.Text:
			out = append(out, string(content))
		case protocol.Data:
			data, err := json.Marshal(content.Value)
			if err != nil {
				return "", fault(protocol.ErrInvalidParams, "part %d of the message cannot be encoded: %v", i+1, err)
			}
			out = append(out, string(data))
		default:
			return "", fault(protocol.ErrUnsupportedContentType, "part %d of the message is a file: agents here take text and data", i+1)
		}
	}
	question := strings.Join(out, "\n")
	if strings.TrimSpace(question) == "" {
		return "", fault(protocol.ErrInvalidParams, "the message has no text")
	}
	return question, nil
}

// make stores the Query of a message.
func (m *methods) make(ctx context.Context, message *protocol.Message, streams bool) (*v1alpha1.Query, error) {
	question, err := text(message)
	if err != nil {
		return nil, err
	}
	if len(message.ID) > maxID || len(message.ContextID) > maxID {
		return nil, fault(protocol.ErrInvalidParams, "the messageId or the contextId is longer than %d bytes", maxID)
	}
	q := &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{
		Name: "a2a-" + strings.ToLower(rand.Text()[:16]), Namespace: m.agent.Namespace,
		Annotations: map[string]string{annotationUser: m.who.user.GetName()},
	}}
	if message.ID != "" {
		q.Annotations[annotationMessage] = message.ID
	}
	if streams {
		q.Annotations[annotationStreaming] = "true"
	}
	input, err := json.Marshal(question)
	if err == nil {
		err = q.Spec.Input.UnmarshalJSON(input)
	}
	if err != nil {
		return nil, fault(protocol.ErrInvalidParams, "the message cannot be stored: %v", err)
	}
	q.Spec.Target = &v1alpha1.QueryTarget{Type: v1alpha1.QueryTargetAgent, Name: m.agent.Name}
	id := message.ContextID
	if id == "" {
		id = protocol.NewContextID()
	}
	q.Spec.SessionID = &id
	// A conversation that nobody keeps would be complained of.
	if message.ContextID != "" || m.remembers(ctx) {
		q.Spec.ConversationID = &id
	}
	if err := m.admit(ctx); err != nil {
		return nil, err
	}
	if err := m.who.api.Post().Namespace(q.Namespace).Resource("queries").Body(q).Do(ctx).Into(q); err != nil {
		return nil, faultOf(err)
	}
	m.charge(ctx, q)
	return q, nil
}

// remembers reports whether the namespace has a Memory that keeps conversations.
func (m *methods) remembers(ctx context.Context) bool {
	return m.server.options.System.Get(ctx, "memories", m.agent.Namespace, defaultMemory, &v1alpha1.Memory{}) == nil
}

// faultOf is an error of the API as the protocol has it.
func faultOf(err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return fault(protocol.ErrUnauthorized, "%v", err)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return fault(protocol.ErrInvalidParams, "%v", err)
	}
	return fault(protocol.ErrInternalError, "%v", err)
}

// admit refuses a message beyond the limits of its key, and counts the others.
func (m *methods) admit(ctx context.Context) error {
	if m.who.key == "" {
		return nil
	}
	if m.server.options.Limits == nil {
		return fault(protocol.ErrServerError, "the key has limits, and this server has no database to count in: use a key without limits")
	}
	_, admitted, err := m.server.options.Limits.Admit(ctx, m.who.key, m.who.limits)
	if err != nil {
		return fault(protocol.ErrServerError, "%v", err)
	}
	if !admitted {
		return fault(protocol.ErrServerError, "the limit of the key is reached: try again later")
	}
	return nil
}

// charge counts the tokens of a Query for its key when it has ended.
func (m *methods) charge(ctx context.Context, q *v1alpha1.Query) {
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.who.key == "" || s.stopping() {
		return
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.charging.Go(func() {
		defer stop()
		ended, err := ask.Wait(ctx, s.options.System, q)
		if err != nil || ended.Status == nil || ended.Status.TokenUsage == nil || ended.Status.TokenUsage.TotalTokens == nil {
			return // it was deleted, the process stops, or nothing was used
		}
		if err := s.options.Limits.Used(ctx, m.who.key, *ended.Status.TokenUsage.TotalTokens); err != nil {
			slog.Warn("the tokens of an A2A task are not counted for its key", "query", q.Namespace+"/"+q.Name, "err", err)
		}
	})
	s.charging.Go(func() {
		select {
		case <-s.closing:
			stop()
		case <-ctx.Done():
		}
	})
}

func (s *Server) stopping() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}
