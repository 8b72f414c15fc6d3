package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/memory"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

const (
	// defaultMemory is the Memory of Queries that do not name one, if it exists.
	defaultMemory = "default"
	// forgetRetry is the pause after a memory failed to delete a Query's messages, and forgetFor is
	// how long the engine keeps trying.
	forgetRetry = 15 * time.Second
	forgetFor   = 5 * time.Minute
)

// conversation is the conversation that a Query continues.
type conversation struct {
	memory *memory.Client // nil for none
	id     string
	// asked is true if the Query names a conversation.
	asked bool
	// continues is true if the question is already stored, because the run was interrupted after that.
	continues bool
	// degraded is why the earlier messages could not be read.
	degraded error
}

// findMemory returns the memory of a Query, or nil if it has none.
func (e *Engine) findMemory(ctx context.Context, q *v1alpha1.Query, from objects.Reader) (*memory.Client, error) {
	namespace, name, named := q.Namespace, defaultMemory, false
	if ref := q.Spec.Memory; ref != nil && ref.Name != "" {
		name, named = ref.Name, true
		if ref.Namespace != nil && *ref.Namespace != "" {
			namespace = *ref.Namespace
		}
	}
	m := &v1alpha1.Memory{}
	switch err := from.Get(ctx, "memories", namespace, name, m); {
	case !named && (apierrors.IsNotFound(err) || apierrors.IsForbidden(err)):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("memory '%s' in namespace '%s': %w", name, namespace, err)
	}
	values := objects.Values{From: from, Namespace: namespace}
	address, err := values.Source(ctx, m.Spec.Address)
	if err != nil {
		return nil, fmt.Errorf("memory '%s': %w", name, err)
	}
	client := &memory.Client{URL: address.Text, Headers: map[string]string{}, HTTP: e.options.Services.Tools}
	for _, h := range m.Spec.Headers {
		value, err := values.Header(ctx, h)
		if err != nil {
			return nil, fmt.Errorf("memory '%s': %w", name, err)
		}
		client.Headers[h.Name] = value.Text
	}
	return client, nil
}

// open finds or creates the conversation of a Query, and returns its earlier messages.
func (e *Engine) open(ctx context.Context, q *v1alpha1.Query, from *memory.Client) (*conversation, []provider.Message, error) {
	c := &conversation{memory: from}
	if given := q.Spec.ConversationID; given != nil && *given != "" {
		c.id, c.asked = *given, true
	} else if q.Status != nil && q.Status.ConversationID != nil {
		c.id = *q.Status.ConversationID
	}
	if from == nil {
		return c, nil, nil
	}
	if c.id == "" {
		var err error
		if c.id, err = from.Begin(ctx); err != nil {
			return c, nil, fmt.Errorf("begin a conversation: %w", err)
		}
		return c, nil, nil
	}
	history, err := from.Messages(ctx, c.id)
	if err != nil {
		if ctx.Err() != nil {
			return c, nil, err
		}
		c.degraded = err
	}
	return c, history, nil
}

// save adds the new messages. A failure is only logged, because the answer exists.
func (c *conversation) save(ctx context.Context, q *v1alpha1.Query, result execution.Result, failed error) {
	if c.memory == nil || result.Input == "" {
		return
	}
	var messages []provider.Message
	if !c.continues {
		messages = append(messages, provider.Message{Role: provider.User, Content: result.Input})
	}
	if failed != nil {
		messages = append(messages, provider.Message{Role: provider.Assistant, Content: failed.Error()})
	} else {
		messages = append(messages, result.Messages...)
	}
	c.add(ctx, q, messages)
}

// saveQuestion adds only the question.
func (c *conversation) saveQuestion(ctx context.Context, q *v1alpha1.Query, result execution.Result) {
	if c.memory != nil && result.Input != "" {
		c.add(ctx, q, []provider.Message{{Role: provider.User, Content: result.Input}})
	}
}

func (c *conversation) add(ctx context.Context, q *v1alpha1.Query, messages []provider.Message) {
	var ttl time.Duration
	if q.Spec.TTL != nil {
		ttl, _ = q.Spec.TTL.Parse() // without a TTL the memory decides
	}
	if err := c.memory.Add(ctx, c.id, q.Name, messages, ttl); err != nil && ctx.Err() == nil {
		log(q).Error(err, "Failed to save the messages of the query")
	}
}

// apply writes the conversation to a status.
func (c *conversation) apply(q *v1alpha1.Query, s *v1alpha1.QueryStatus) {
	if c == nil {
		return
	}
	if c.memory != nil && c.id != "" {
		s.ConversationID = &c.id
	}
	switch {
	case c.asked && c.memory == nil:
		setCondition(q, s, "MemoryUnavailable", v1alpha1.ConditionTrue, "NoMemoryBackend", "The query names a conversation, but there is no Memory that keeps it")
	case c.asked:
		setCondition(q, s, "MemoryUnavailable", v1alpha1.ConditionFalse, "MemoryReachable", "The Memory is there")
	}
	if c.degraded != nil {
		setCondition(q, s, "MemoryDegraded", v1alpha1.ConditionTrue, "HistoryUnavailable", "The query ran without what was said before: "+c.degraded.Error())
	}
}

// forgetMessages deletes a Query's messages from the memory. It retries for forgetFor.
func (e *Engine) forgetMessages(ctx context.Context, q *v1alpha1.Query) {
	for deadline := time.Now().Add(forgetFor); ; {
		from, err := e.findMemory(ctx, q, e.options.Client)
		if err == nil && from != nil {
			err = from.Forget(ctx, q.Name)
		}
		if err == nil || apierrors.IsNotFound(errors.Unwrap(err)) {
			return
		}
		if time.Now().After(deadline) {
			log(q).Error(err, "The messages of a deleted query may still be in its memory")
			return
		}
		if !pause(ctx, forgetRetry) {
			return
		}
	}
}
